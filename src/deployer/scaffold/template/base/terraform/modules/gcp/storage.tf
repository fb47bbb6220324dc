locals {
  filestores = { for name, store in var.home_storage : name => store if store.kind == "filestore" }
  disks      = { for name, store in var.home_storage : name => store if store.kind == "disk" }
}

resource "google_filestore_instance" "homes" {
  for_each = local.filestores

  project  = var.project
  name     = "${var.name}-${each.key}"
  location = each.value.tier == "REGIONAL" ? var.region : var.zone
  tier     = each.value.tier
  labels   = local.labels

  deletion_protection_enabled = var.deletion_protection
  deletion_protection_reason  = "Home directories of ${var.name}"

  file_shares {
    name        = "homes"
    capacity_gb = each.value.gb
    nfs_export_options {
      ip_ranges   = [var.network.nodes]
      access_mode = "READ_WRITE"
      squash_mode = "NO_ROOT_SQUASH"
    }
  }

  networks {
    network = google_compute_network.this.name
    modes   = ["MODE_IPV4"]
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.this]
}

resource "google_backup_dr_backup_vault" "homes" {
  count = length(local.filestores) > 0 ? 1 : 0

  project         = var.project
  location        = var.region
  backup_vault_id = "${var.name}-homes"
  labels          = local.labels
  # Nobody deletes a back-up in its first day, not even with an administrator's account.
  backup_minimum_enforced_retention_duration = "86400s"

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.this]
}

resource "google_backup_dr_backup_plan" "homes" {
  for_each = local.filestores

  project        = var.project
  location       = var.region
  backup_plan_id = "${var.name}-${each.key}"
  resource_type  = "file.googleapis.com/Instance"
  backup_vault   = google_backup_dr_backup_vault.homes[0].id

  backup_rules {
    rule_id               = "daily"
    backup_retention_days = each.value.retention_days
    standard_schedule {
      recurrence_type = "DAILY"
      time_zone       = "UTC"
      backup_window {
        start_hour_of_day = 1
        end_hour_of_day   = 7
      }
    }
  }
}

resource "google_backup_dr_backup_plan_association" "homes" {
  for_each = local.filestores

  project                    = var.project
  location                   = var.region
  backup_plan_association_id = "${var.name}-${each.key}"
  resource_type              = "file.googleapis.com/Instance"
  resource                   = google_filestore_instance.homes[each.key].id
  backup_plan                = google_backup_dr_backup_plan.homes[each.key].name
}

resource "google_compute_disk" "homes" {
  for_each = local.disks

  project = var.project
  name    = "${var.name}-${each.key}"
  zone    = var.zone
  type    = each.value.disk_type
  size    = each.value.gb
  labels  = local.labels

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.this]
}

resource "google_compute_resource_policy" "homes" {
  for_each = local.disks

  project = var.project
  name    = "${var.name}-${each.key}"
  region  = var.region

  snapshot_schedule_policy {
    schedule {
      daily_schedule {
        days_in_cycle = 1
        start_time    = "02:00"
      }
    }
    retention_policy {
      max_retention_days    = each.value.retention_days
      on_source_disk_delete = "KEEP_AUTO_SNAPSHOTS"
    }
    snapshot_properties {
      labels = local.labels
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_compute_disk_resource_policy_attachment" "homes" {
  for_each = local.disks

  project = var.project
  zone    = var.zone
  disk    = google_compute_disk.homes[each.key].name
  name    = google_compute_resource_policy.homes[each.key].name
}
