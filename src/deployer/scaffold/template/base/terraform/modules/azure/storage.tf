locals {
  shares = { for name, store in var.home_storage : name => store if store.kind == "files" }
  disks  = { for name, store in var.home_storage : name => store if store.kind == "disk" }
}

# One account for each share: its network rules and retention are its own.
resource "azurerm_storage_account" "homes" {
  for_each = local.shares

  name                     = "${local.short}${substr(sha1(each.key), 0, 4)}${var.storage_account_suffix}"
  resource_group_name      = azurerm_resource_group.this.name
  location                 = var.region
  account_kind             = "FileStorage"
  account_tier             = "Premium"
  account_replication_type = each.value.replication
  min_tls_version          = "TLS1_2"
  # NFS knows no TLS: the network rules below are what protects it.
  https_traffic_only_enabled      = false
  shared_access_key_enabled       = false
  allow_nested_items_to_be_public = false
  tags                            = local.tags

  network_rules {
    default_action             = "Deny"
    bypass                     = ["AzureServices"]
    virtual_network_subnet_ids = [azurerm_subnet.nodes.id]
  }

  share_properties {
    retention_policy {
      days = each.value.retention_days
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_storage_share" "homes" {
  for_each = local.shares

  name               = "homes"
  storage_account_id = azurerm_storage_account.homes[each.key].id
  enabled_protocol   = "NFS"
  quota              = each.value.gb

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_management_lock" "homes" {
  for_each = var.deletion_protection ? local.shares : {}

  name       = "keep"
  scope      = azurerm_storage_account.homes[each.key].id
  lock_level = "CanNotDelete"
  notes      = "Home directories of ${var.name}."
}

resource "azurerm_managed_disk" "homes" {
  for_each = local.disks

  name                          = "${var.name}-${each.key}"
  resource_group_name           = azurerm_resource_group.this.name
  location                      = var.region
  zone                          = var.zone
  storage_account_type          = each.value.disk_type
  create_option                 = "Empty"
  disk_size_gb                  = each.value.gb
  public_network_access_enabled = false
  network_access_policy         = "DenyAll"
  tags                          = local.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_management_lock" "disks" {
  for_each = var.deletion_protection ? local.disks : {}

  name       = "keep"
  scope      = azurerm_managed_disk.homes[each.key].id
  lock_level = "CanNotDelete"
  notes      = "Home directories of ${var.name}."
}

# The cluster's identity attaches the disk for the NFS server inside.
resource "azurerm_role_assignment" "disks" {
  for_each = local.disks

  scope                = azurerm_managed_disk.homes[each.key].id
  role_definition_name = "Contributor"
  principal_id         = azurerm_user_assigned_identity.cluster.principal_id
}

# Old snapshots are deleted: they are in a group of their own, which no lock reaches.
resource "azurerm_resource_group" "snapshots" {
  count = length(local.disks) > 0 ? 1 : 0

  name     = "${var.name}-snapshots"
  location = var.region
  tags     = local.tags
}

resource "azurerm_data_protection_backup_vault" "homes" {
  count = length(local.disks) > 0 ? 1 : 0

  name                = "${var.name}-homes"
  resource_group_name = azurerm_resource_group.this.name
  location            = var.region
  datastore_type      = "OperationalStore"
  redundancy          = "LocallyRedundant"
  soft_delete         = "On"
  tags                = local.tags

  identity {
    type = "SystemAssigned"
  }
}

resource "azurerm_role_assignment" "backup_reads" {
  for_each = local.disks

  scope                = azurerm_managed_disk.homes[each.key].id
  role_definition_name = "Disk Backup Reader"
  principal_id         = azurerm_data_protection_backup_vault.homes[0].identity[0].principal_id
}

resource "azurerm_role_assignment" "backup_writes" {
  count = length(local.disks) > 0 ? 1 : 0

  scope                = azurerm_resource_group.snapshots[0].id
  role_definition_name = "Disk Snapshot Contributor"
  principal_id         = azurerm_data_protection_backup_vault.homes[0].identity[0].principal_id
}

resource "azurerm_data_protection_backup_policy_disk" "homes" {
  for_each = local.disks

  name                            = "${var.name}-${each.key}"
  vault_id                        = azurerm_data_protection_backup_vault.homes[0].id
  backup_repeating_time_intervals = ["R/2026-01-01T02:00:00+00:00/P1D"]
  default_retention_duration      = "P${each.value.retention_days}D"
}

resource "azurerm_data_protection_backup_instance_disk" "homes" {
  for_each = local.disks

  name                         = "${var.name}-${each.key}"
  location                     = var.region
  vault_id                     = azurerm_data_protection_backup_vault.homes[0].id
  disk_id                      = azurerm_managed_disk.homes[each.key].id
  snapshot_resource_group_name = azurerm_resource_group.snapshots[0].name
  backup_policy_id             = azurerm_data_protection_backup_policy_disk.homes[each.key].id

  depends_on = [azurerm_role_assignment.backup_reads, azurerm_role_assignment.backup_writes]
}
