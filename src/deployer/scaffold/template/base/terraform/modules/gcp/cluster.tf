# What nodes are, to the cloud: they write logs and metrics and pull images, and nothing else.
resource "google_service_account" "nodes" {
  project      = var.project
  account_id   = "${substr(var.name, 0, 24)}-nodes"
  display_name = "Nodes of ${var.name}"

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "nodes" {
  project = var.project
  role    = "roles/container.defaultNodeServiceAccount"
  member  = google_service_account.nodes.member
}

resource "google_artifact_registry_repository_iam_member" "nodes" {
  count = var.registry.enabled ? 1 : 0

  project    = var.project
  location   = google_artifact_registry_repository.images[0].location
  repository = google_artifact_registry_repository.images[0].name
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.nodes.member
}

resource "google_container_cluster" "this" {
  project  = var.project
  name     = var.name
  location = local.location

  network         = google_compute_network.this.id
  subnetwork      = google_compute_subnetwork.nodes.id
  networking_mode = "VPC_NATIVE"
  # Network policies are enforced, and no add-on is needed for it.
  datapath_provider = "ADVANCED_DATAPATH"

  # All nodes are in pools of their own, so that a change of one leaves the cluster alone.
  remove_default_node_pool = true
  initial_node_count       = 1

  min_master_version  = var.kubernetes.min_version
  deletion_protection = var.deletion_protection
  resource_labels     = local.labels

  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  private_cluster_config {
    enable_private_nodes    = true
    enable_private_endpoint = false
  }

  control_plane_endpoints_config {
    # A name that only those reach who have the permission container.clusters.connect: a CI has no fixed address.
    dns_endpoint_config {
      allow_external_traffic = true
    }
    ip_endpoints_config {
      enabled = length(var.api_access) > 0
    }
  }

  dynamic "master_authorized_networks_config" {
    for_each = length(var.api_access) > 0 ? [true] : []
    content {
      gcp_public_cidrs_access_enabled = false
      dynamic "cidr_blocks" {
        for_each = var.api_access
        content {
          display_name = cidr_blocks.key
          cidr_block   = cidr_blocks.value
        }
      }
    }
  }

  master_auth {
    client_certificate_config {
      issue_client_certificate = false
    }
  }

  workload_identity_config {
    workload_pool = "${var.project}.svc.id.goog"
  }

  release_channel {
    channel = var.kubernetes.channel
  }

  maintenance_policy {
    recurring_window {
      start_time = var.kubernetes.maintenance_start
      end_time   = var.kubernetes.maintenance_end
      recurrence = var.kubernetes.maintenance_rule
    }
  }

  # Users' servers come and go all day: an empty node goes early.
  cluster_autoscaling {
    autoscaling_profile = "OPTIMIZE_UTILIZATION"
  }

  addons_config {
    gce_persistent_disk_csi_driver_config {
      enabled = true
    }
    gcs_fuse_csi_driver_config {
      enabled = true
    }
  }

  cost_management_config {
    enabled = true
  }

  logging_config {
    enable_components = var.logging.logs
  }

  monitoring_config {
    enable_components = var.logging.metrics
    # The support chart has a Prometheus of its own; a second one is charged by the sample.
    managed_prometheus {
      enabled = false
    }
  }

  # Of the first pool, which is there for minutes.
  node_config {
    service_account = google_service_account.nodes.email
    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [node_config]
  }
}
