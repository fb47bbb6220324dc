locals {
  buckets = merge([for hub, it in var.hubs : { for key, bucket in it.buckets : "${hub}/${key}" => merge(bucket, {
    hub  = hub
    name = coalesce(bucket.name, "${var.project}-${var.name}-${hub}-${key}")
  }) }]...)
}

resource "google_storage_bucket" "hubs" {
  for_each = local.buckets

  project                     = var.project
  name                        = each.value.name
  location                    = var.region
  labels                      = merge(local.labels, { hub = each.value.hub })
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  versioning {
    enabled = each.value.versioning
  }

  # A scratch bucket forgets at once: what is deleted there is not kept, and charged, for another week.
  soft_delete_policy {
    retention_duration_seconds = each.value.delete_after_days == null ? 604800 : 0
  }

  dynamic "lifecycle_rule" {
    for_each = each.value.delete_after_days == null ? [] : [each.value.delete_after_days]
    content {
      action {
        type = "Delete"
      }
      condition {
        age = lifecycle_rule.value
      }
    }
  }

  dynamic "lifecycle_rule" {
    for_each = each.value.archive_days == null ? [] : [each.value.archive_days]
    content {
      action {
        type          = "SetStorageClass"
        storage_class = "ARCHIVE"
      }
      condition {
        age = lifecycle_rule.value
      }
    }
  }

  # Parts of uploads that never ended, and old versions.
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 7
    }
  }

  dynamic "lifecycle_rule" {
    for_each = each.value.versioning ? [true] : []
    content {
      action {
        type = "Delete"
      }
      condition {
        days_since_noncurrent_time = 30
      }
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.this]
}
