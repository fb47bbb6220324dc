resource "azurerm_kubernetes_cluster_node_pool" "users" {
  for_each = var.node_pools

  name                        = each.key
  temporary_name_for_rotation = "${substr(each.key, 0, 9)}tmp"
  kubernetes_cluster_id       = azurerm_kubernetes_cluster.this.id
  mode                        = "User"
  vm_size                     = each.value.machine_type
  orchestrator_version        = var.kubernetes.version
  auto_scaling_enabled        = true
  min_count                   = each.value.min
  max_count                   = each.value.max
  os_disk_size_gb             = each.value.disk_gb
  zones                       = coalesce(each.value.zones, [var.zone])
  vnet_subnet_id              = azurerm_subnet.nodes.id
  max_pods                    = 110
  node_public_ip_enabled      = false
  node_labels                 = local.pool_labels[each.key]
  node_taints                 = local.pool_taints[each.key]
  gpu_driver                  = each.value.gpu ? "Install" : null
  priority                    = each.value.spot ? "Spot" : "Regular"
  eviction_policy             = each.value.spot ? "Delete" : null
  spot_max_price              = each.value.spot ? -1 : null
  tags                        = merge(local.tags, { "node-pool" = each.key })

  dynamic "upgrade_settings" {
    # Spot nodes are never drained for an upgrade.
    for_each = each.value.spot ? [] : [true]
    content {
      max_surge = "10%"
    }
  }

  lifecycle {
    ignore_changes = [node_count]
  }
}

locals {
  # What Azure puts on spot nodes by itself is said here as well: otherwise each plan would take it away.
  spot = "kubernetes.azure.com/scalesetpriority"
  pool_labels = { for name, pool in var.node_pools : name => merge(
    { (local.label_of[pool.purpose]) = pool.purpose, "node-pool" = name }, pool.spot ? { (local.spot) = "spot" } : {}, pool.labels,
  ) }
  pool_taints = { for name, pool in var.node_pools : name => concat(
    ["${local.taint_of[pool.purpose]}=${pool.purpose}:NoSchedule"],
    pool.gpu ? ["nvidia.com/gpu=present:NoSchedule"] : [],
    pool.spot ? ["${local.spot}=spot:NoSchedule"] : [],
  ) }
}
