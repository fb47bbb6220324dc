locals {
  # A bucket is a container, and all of them lie in one storage account.
  buckets = merge([for hub, it in var.hubs : { for key, bucket in it.buckets : "${hub}/${key}" => merge(bucket, {
    hub  = hub
    name = "${hub}-${key}"
  }) }]...)
  forgetting = { for key, bucket in local.buckets : key => bucket if bucket.delete_after_days != null || bucket.archive_days != null }
}

resource "azurerm_storage_account" "buckets" {
  count = length(local.buckets) > 0 ? 1 : 0

  name                            = "${local.short}data${var.storage_account_suffix}"
  resource_group_name             = azurerm_resource_group.this.name
  location                        = var.region
  account_kind                    = "StorageV2"
  account_tier                    = "Standard"
  account_replication_type        = "LRS"
  min_tls_version                 = "TLS1_2"
  https_traffic_only_enabled      = true
  allow_nested_items_to_be_public = false
  # Identities only: there is no key that could leak.
  shared_access_key_enabled = false
  tags                      = local.tags

  # A bucket that went by mistake comes back; single files do not, or scratch would be paid for another week.
  blob_properties {
    container_delete_retention_policy {
      days = 7
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_storage_container" "hubs" {
  for_each = local.buckets

  name                  = each.value.name
  storage_account_id    = azurerm_storage_account.buckets[0].id
  container_access_type = "private"

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_storage_management_policy" "buckets" {
  count = length(local.forgetting) > 0 ? 1 : 0

  storage_account_id = azurerm_storage_account.buckets[0].id

  dynamic "rule" {
    for_each = local.forgetting
    content {
      name    = replace(rule.value.name, "-", "")
      enabled = true
      filters {
        blob_types   = ["blockBlob"]
        prefix_match = ["${rule.value.name}/"]
      }
      actions {
        base_blob {
          delete_after_days_since_modification_greater_than          = rule.value.delete_after_days
          tier_to_archive_after_days_since_modification_greater_than = rule.value.archive_days
        }
      }
    }
  }
}
