resource "google_container_node_pool" "core" {
  project        = var.project
  name           = "core"
  cluster        = google_container_cluster.this.id
  node_locations = var.regional ? null : [var.zone]

  initial_node_count = var.core_nodes.min

  autoscaling {
    min_node_count = var.core_nodes.min
    max_node_count = var.core_nodes.max
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  node_config {
    machine_type    = var.core_nodes.machine_type
    disk_size_gb    = var.core_nodes.disk_gb
    disk_type       = "pd-balanced"
    image_type      = "COS_CONTAINERD"
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    labels          = { "hub.jupyter.org/node-purpose" = "core" }
    resource_labels = local.labels

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
    # Pods see their own identity, never the node's.
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }

  lifecycle {
    ignore_changes = [initial_node_count]
  }
}

resource "google_container_node_pool" "users" {
  for_each = var.node_pools

  project        = var.project
  name           = each.key
  cluster        = google_container_cluster.this.id
  node_locations = coalesce(each.value.zones, [var.zone])

  initial_node_count = each.value.min

  # In all zones together: a pool of three zones is not three times as large.
  autoscaling {
    total_min_node_count = each.value.min
    total_max_node_count = each.value.max
    location_policy      = "ANY"
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  node_config {
    machine_type    = each.value.machine_type
    disk_size_gb    = each.value.disk_gb
    disk_type       = each.value.disk_type
    image_type      = "COS_CONTAINERD"
    spot            = each.value.spot
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    labels          = local.pool_labels[each.key]
    resource_labels = merge(local.labels, { "node-pool" = each.key })

    dynamic "taint" {
      for_each = local.pool_taints[each.key]
      content {
        key    = taint.value.key
        value  = taint.value.value
        effect = taint.value.effect
      }
    }

    dynamic "guest_accelerator" {
      for_each = each.value.gpu == null ? [] : [each.value.gpu]
      content {
        type  = guest_accelerator.value.type
        count = guest_accelerator.value.count
        gpu_driver_installation_config {
          gpu_driver_version = "LATEST"
        }
      }
    }

    shielded_instance_config {
      enable_secure_boot          = each.value.gpu == null
      enable_integrity_monitoring = true
    }
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }

  lifecycle {
    ignore_changes = [initial_node_count]
  }
}

locals {
  pool_labels = { for name, pool in var.node_pools : name => merge(
    { (local.label_of[pool.purpose]) = pool.purpose, "node-pool" = name }, pool.labels,
  ) }
  pool_taints = { for name, pool in var.node_pools : name => concat(
    [{ key = local.taint_of[pool.purpose], value = pool.purpose, effect = "NO_SCHEDULE" }],
    pool.gpu == null ? [] : [{ key = "nvidia.com/gpu", value = "present", effect = "NO_SCHEDULE" }],
  ) }
}
