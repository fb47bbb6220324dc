terraform {
  required_version = ">= 1.10"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.0"
    }
  }
}

locals {
  labels   = merge({ cluster = var.name }, var.labels)
  location = var.regional ? var.region : var.zone

  # The tools of a hub's charts that name these labels: hub.jupyter.org/node-purpose and k8s.dask.org/node-purpose.
  label_of = { user = "hub.jupyter.org/node-purpose", worker = "k8s.dask.org/node-purpose" }
  # Google refuses a slash in the key of a taint; the charts tolerate this spelling as well.
  taint_of = { user = "hub.jupyter.org_dedicated", worker = "k8s.dask.org_dedicated" }
}

resource "google_project_service" "this" {
  for_each = toset(concat(
    [
      "artifactregistry.googleapis.com",
      "cloudresourcemanager.googleapis.com",
      "compute.googleapis.com",
      "container.googleapis.com",
      "iam.googleapis.com",
      "iamcredentials.googleapis.com",
      "logging.googleapis.com",
      "monitoring.googleapis.com",
      "storage.googleapis.com",
      "sts.googleapis.com",
    ],
    length(local.filestores) > 0 ? ["backupdr.googleapis.com", "file.googleapis.com"] : [],
    var.budget == null ? [] : ["billingbudgets.googleapis.com"],
  ))

  project            = var.project
  service            = each.value
  disable_on_destroy = false
}

resource "google_compute_network" "this" {
  project                 = var.project
  name                    = var.name
  auto_create_subnetworks = false

  depends_on = [google_project_service.this]
}

resource "google_compute_subnetwork" "nodes" {
  project                  = var.project
  name                     = var.name
  region                   = var.region
  network                  = google_compute_network.this.id
  ip_cidr_range            = var.network.nodes
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = var.network.pods
  }
  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = var.network.services
  }
  dynamic "log_config" {
    for_each = var.network.flow_logs ? [true] : []
    content {
      aggregation_interval = "INTERVAL_10_MIN"
      flow_sampling        = 0.1
    }
  }
}

# Nodes have no address of their own: all that leaves the cluster leaves from these.
resource "google_compute_address" "nat" {
  count = var.network.nat_addresses

  project = var.project
  name    = "${var.name}-nat-${count.index}"
  region  = var.region

  depends_on = [google_project_service.this]
}

resource "google_compute_router" "this" {
  project = var.project
  name    = var.name
  region  = var.region
  network = google_compute_network.this.id
}

resource "google_compute_router_nat" "this" {
  project                            = var.project
  name                               = var.name
  region                             = var.region
  router                             = google_compute_router.this.name
  nat_ip_allocate_option             = "MANUAL_ONLY"
  nat_ips                            = google_compute_address.nat[*].self_link
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
  enable_dynamic_port_allocation     = true
  min_ports_per_vm                   = 64
  max_ports_per_vm                   = 4096
  # Only one of these two can be on, and ports are what a node full of users runs out of.
  enable_endpoint_independent_mapping = false

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

resource "google_artifact_registry_repository" "images" {
  count = var.registry.enabled ? 1 : 0

  project       = var.project
  location      = var.region
  repository_id = "${var.name}-images"
  format        = "DOCKER"
  labels        = local.labels

  cleanup_policies {
    id     = "untagged"
    action = "DELETE"
    condition {
      tag_state  = "UNTAGGED"
      older_than = "${var.registry.untagged_keep_days * 24 * 60 * 60}s"
    }
  }

  depends_on = [google_project_service.this]
}

# The project's logs live in one bucket that is there already: only how long is said here.
resource "google_logging_project_bucket_config" "default" {
  project        = var.project
  location       = "global"
  bucket_id      = "_Default"
  retention_days = var.logging.retention_days

  depends_on = [google_project_service.this]
}
