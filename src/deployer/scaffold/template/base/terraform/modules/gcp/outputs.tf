output "cluster" {
  description = "How the cluster is found: cluster.yaml's name, provider, provider_url and connection block."
  value = {
    name         = var.name
    provider     = "gcp"
    provider_url = "https://console.cloud.google.com/kubernetes/clusters/details/${local.location}/${google_container_cluster.this.name}?project=${var.project}"
    connection = merge(
      { project = var.project, cluster = google_container_cluster.this.name, dns_endpoint = true },
      var.regional ? { region = var.region } : { zone = var.zone },
      length(var.ci.deploy_subjects) > 0 ? { oidc = local.oidc.deployer } : {},
    )
  }
}

output "kubernetes_version" {
  description = "The version that the control plane runs."
  value       = google_container_cluster.this.master_version
}

output "home_storage" {
  description = "Where home directories are: an NFS server and its path, or the disk for an NFS server in the cluster."
  value = merge(
    { for name, store in google_filestore_instance.homes : name => {
      kind   = "nfs"
      server = one(store.networks[0].ip_addresses)
      path   = "/${store.file_shares[0].name}"
    } },
    { for name, disk in google_compute_disk.homes : name => {
      kind      = "disk"
      volume_id = disk.id
      gb        = disk.size
    } },
  )
}

output "buckets" {
  description = "Each hub's buckets, by HUB/BUCKET."
  value       = { for key, bucket in google_storage_bucket.hubs : key => { hub = local.buckets[key].hub, url = bucket.url } }
}

output "service_accounts" {
  description = "What makes a Kubernetes service account one of the identities, by HUB/ROLE: annotations, and labels of its pods."
  value = { for key, it in local.identities : key => {
    hub         = it.hub
    role        = it.role
    name        = it.service_account
    annotations = { "iam.gke.io/gcp-service-account" = google_service_account.hubs[key].email }
    pod_labels  = {}
  } }
}

output "node_pools" {
  description = "Labels and taints by which hubs' values name the pools."
  value = { for name, pool in var.node_pools : name => {
    machine_type = pool.machine_type
    labels       = local.pool_labels[name]
    taints       = [for taint in local.pool_taints[name] : "${taint.key}=${taint.value}:NoSchedule"]
  } }
}

output "registry" {
  description = "Where images are pushed, or nothing."
  value       = one(google_artifact_registry_repository.images[*].registry_uri)
}

output "nat_addresses" {
  description = "The addresses that all that leaves the cluster comes from, for others' lists of who may."
  value       = google_compute_address.nat[*].address
}

output "ci" {
  description = "What a CI becomes the deployer with, who upgrades hubs, and the planner, who reads; nothing of it is secret."
  value       = { for who, subjects in local.subjects : who => { gcp = local.oidc[who] } if length(subjects) > 0 }
}

output "deployer_key" {
  description = "The deployer's key, where one was asked for: encrypt it with sops before it touches a disk."
  value       = one([for key in google_service_account_key.deployer : base64decode(key.private_key)])
  sensitive   = true
}
