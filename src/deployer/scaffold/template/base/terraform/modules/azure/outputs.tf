output "cluster" {
  description = "How the cluster is found: cluster.yaml's name, provider, provider_url and connection block."
  value = {
    name         = var.name
    provider     = "azure"
    provider_url = "https://portal.azure.com/#@/resource${azurerm_kubernetes_cluster.this.id}"
    connection = merge(
      {
        cluster        = azurerm_kubernetes_cluster.this.name
        resource_group = azurerm_resource_group.this.name
        subscription   = var.subscription_id
      },
      length(var.ci.deploy_subjects) > 0 ? { oidc = local.oidc.deployer } : {},
    )
  }
}

output "kubernetes_version" {
  description = "The version that the control plane runs."
  value       = azurerm_kubernetes_cluster.this.current_kubernetes_version
}

output "home_storage" {
  description = "Where home directories are: an NFS server and its path, or the disk for an NFS server in the cluster."
  value = merge(
    { for name, account in azurerm_storage_account.homes : name => {
      kind   = "nfs"
      server = account.primary_file_host
      path   = "/${account.name}/${azurerm_storage_share.homes[name].name}"
    } },
    { for name, disk in azurerm_managed_disk.homes : name => {
      kind      = "disk"
      volume_id = disk.id
      gb        = disk.disk_size_gb
    } },
  )
}

output "buckets" {
  description = "Each hub's buckets, by HUB/BUCKET."
  value = { for key, container in azurerm_storage_container.hubs : key => {
    hub = local.buckets[key].hub
    url = "az://${container.name}@${azurerm_storage_account.buckets[0].name}"
  } }
}

output "service_accounts" {
  description = "What makes a Kubernetes service account one of the identities, by HUB/ROLE: annotations, and labels of its pods."
  value = { for key, it in local.identities : key => {
    hub         = it.hub
    role        = it.role
    name        = it.service_account
    annotations = { "azure.workload.identity/client-id" = azurerm_user_assigned_identity.hubs[key].client_id }
    pod_labels  = { "azure.workload.identity/use" = "true" }
  } }
}

output "node_pools" {
  description = "Labels and taints by which hubs' values name the pools."
  value = { for name, pool in var.node_pools : name => {
    machine_type = pool.machine_type
    labels       = local.pool_labels[name]
    taints       = local.pool_taints[name]
  } }
}

output "registry" {
  description = "Where images are pushed, or nothing."
  value       = one(azurerm_container_registry.images[*].login_server)
}

output "nat_addresses" {
  description = "The addresses that all that leaves the cluster comes from, for others' lists of who may."
  value       = azurerm_public_ip.nat[*].ip_address
}

output "ci" {
  description = "What a CI becomes the deployer with, who upgrades hubs, and the planner, who reads; nothing of it is secret."
  value       = { for who, subjects in local.subjects : who => { azure = local.oidc[who] } if length(subjects) > 0 }
}
