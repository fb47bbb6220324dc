# What the control plane is, to the cloud: it puts nodes and load balancers into the network.
resource "azurerm_user_assigned_identity" "cluster" {
  name                = "${var.name}-cluster"
  resource_group_name = azurerm_resource_group.this.name
  location            = var.region
  tags                = local.tags
}

resource "azurerm_role_assignment" "cluster" {
  scope                = azurerm_virtual_network.this.id
  role_definition_name = "Network Contributor"
  principal_id         = azurerm_user_assigned_identity.cluster.principal_id
}

# What nodes are, to the cloud: they pull images, and nothing else.
resource "azurerm_user_assigned_identity" "nodes" {
  name                = "${var.name}-nodes"
  resource_group_name = azurerm_resource_group.this.name
  location            = var.region
  tags                = local.tags
}

resource "azurerm_role_assignment" "nodes" {
  scope                = azurerm_user_assigned_identity.nodes.id
  role_definition_name = "Managed Identity Operator"
  principal_id         = azurerm_user_assigned_identity.cluster.principal_id
}

resource "azurerm_kubernetes_cluster" "this" {
  name                = var.name
  resource_group_name = azurerm_resource_group.this.name
  location            = var.region
  dns_prefix          = var.name
  node_resource_group = "${var.name}-nodes"
  sku_tier            = var.kubernetes.tier
  tags                = local.tags

  kubernetes_version        = var.kubernetes.version
  automatic_upgrade_channel = var.kubernetes.channel
  node_os_upgrade_channel   = "NodeImage"

  # Pods become identities of the cloud by the cluster's own tokens.
  oidc_issuer_enabled       = true
  workload_identity_enabled = true

  # Nobody has a kubeconfig that works by itself: one logs in, and roles of the cloud say who may what.
  local_account_disabled            = true
  role_based_access_control_enabled = true
  run_command_enabled               = false
  image_cleaner_enabled             = true
  image_cleaner_interval_hours      = 168

  azure_active_directory_role_based_access_control {
    tenant_id          = var.tenant_id
    azure_rbac_enabled = true
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.cluster.id]
  }

  kubelet_identity {
    client_id                 = azurerm_user_assigned_identity.nodes.client_id
    object_id                 = azurerm_user_assigned_identity.nodes.principal_id
    user_assigned_identity_id = azurerm_user_assigned_identity.nodes.id
  }

  # Pools are written down, and grow within their bounds.
  node_provisioning_profile {
    mode = "Manual"
  }

  default_node_pool {
    name                        = "core"
    temporary_name_for_rotation = "coretmp"
    vm_size                     = var.core_nodes.machine_type
    orchestrator_version        = var.kubernetes.version
    auto_scaling_enabled        = true
    min_count                   = var.core_nodes.min
    max_count                   = var.core_nodes.max
    os_disk_size_gb             = var.core_nodes.disk_gb
    zones                       = [var.zone]
    vnet_subnet_id              = azurerm_subnet.nodes.id
    max_pods                    = 110
    node_public_ip_enabled      = false
    node_labels                 = { "hub.jupyter.org/node-purpose" = "core" }
    tags                        = local.tags

    upgrade_settings {
      max_surge = "10%"
    }
  }

  network_profile {
    network_plugin      = "azure"
    network_plugin_mode = "overlay"
    network_data_plane  = "cilium"
    network_policy      = "cilium"
    pod_cidr            = var.network.pods
    service_cidr        = var.network.services
    dns_service_ip      = cidrhost(var.network.services, 10)
    load_balancer_sku   = "standard"
    outbound_type       = "userAssignedNATGateway"
  }

  api_server_access_profile {
    # Nodes, and hubs on them, come by the NAT's addresses as everybody else does.
    authorized_ip_ranges = concat(values(var.api_access), [for address in azurerm_public_ip.nat : "${address.ip_address}/32"])
  }

  # Users' servers come and go all day: an empty node goes early.
  auto_scaler_profile {
    scale_down_unneeded           = "5m"
    skip_nodes_with_local_storage = false
    skip_nodes_with_system_pods   = true
  }

  maintenance_window_auto_upgrade {
    frequency   = "Weekly"
    interval    = 1
    duration    = 6
    day_of_week = var.kubernetes.maintenance_day
    start_time  = var.kubernetes.maintenance_start
    utc_offset  = "+00:00"
  }

  maintenance_window_node_os {
    frequency   = "Weekly"
    interval    = 1
    duration    = 6
    day_of_week = var.kubernetes.maintenance_day
    start_time  = var.kubernetes.maintenance_start
    utc_offset  = "+00:00"
  }

  # No lock of Azure's beside it: one on the cluster is one on its pools as well, which come and go.
  lifecycle {
    prevent_destroy = true
    # The autoscaler counts nodes.
    ignore_changes = [default_node_pool[0].node_count]
  }

  depends_on = [
    azurerm_role_assignment.cluster, azurerm_role_assignment.nodes,
    azurerm_subnet_nat_gateway_association.nodes, azurerm_nat_gateway_public_ip_association.this,
  ]
}

resource "azurerm_role_assignment" "admins" {
  for_each = toset(var.admins)

  scope                = azurerm_kubernetes_cluster.this.id
  role_definition_name = "Azure Kubernetes Service RBAC Cluster Admin"
  principal_id         = each.value
}

resource "azurerm_log_analytics_workspace" "this" {
  count = length(var.logging.logs) > 0 ? 1 : 0

  name                = var.name
  resource_group_name = azurerm_resource_group.this.name
  location            = var.region
  sku                 = "PerGB2018"
  retention_in_days   = var.logging.retention_days
  daily_quota_gb      = 1
  tags                = local.tags
}

resource "azurerm_monitor_diagnostic_setting" "cluster" {
  count = length(var.logging.logs) > 0 ? 1 : 0

  name                           = "control-plane"
  target_resource_id             = azurerm_kubernetes_cluster.this.id
  log_analytics_workspace_id     = azurerm_log_analytics_workspace.this[0].id
  log_analytics_destination_type = "Dedicated"

  dynamic "enabled_log" {
    for_each = toset(var.logging.logs)
    content {
      category = enabled_log.value
    }
  }
}
