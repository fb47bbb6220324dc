# What a plan must hold to. No cloud is asked: `tofu init && tofu test` in the module's folder.
mock_provider "azurerm" {
  mock_resource "azurerm_resource_group" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/reef" }
  }
  mock_resource "azurerm_virtual_network" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/reef/providers/Microsoft.Network/virtualNetworks/reef" }
  }
  mock_resource "azurerm_subnet" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/reef/providers/Microsoft.Network/virtualNetworks/reef/subnets/nodes" }
  }
  mock_resource "azurerm_nat_gateway" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/reef/providers/Microsoft.Network/natGateways/reef" }
  }
  mock_resource "azurerm_public_ip" {
    defaults = {
      id         = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/reef/providers/Microsoft.Network/publicIPAddresses/reef-nat-0"
      ip_address = "203.0.113.30"
    }
  }
  mock_resource "azurerm_role_definition" {
    defaults = {
      role_definition_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000001/providers/Microsoft.Authorization/roleDefinitions/00000000-0000-0000-0000-00000000000e"
    }
  }
  mock_resource "azurerm_kubernetes_cluster" {
    defaults = {
      id              = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/reef/providers/Microsoft.ContainerService/managedClusters/reef"
      oidc_issuer_url = "https://oidc.example.org/REEF/"
    }
  }
  mock_resource "azurerm_container_registry" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/reef/providers/Microsoft.ContainerRegistry/registries/reef" }
  }
  mock_resource "azurerm_user_assigned_identity" {
    defaults = {
      id           = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/reef/providers/Microsoft.ManagedIdentity/userAssignedIdentities/somebody"
      principal_id = "00000000-0000-0000-0000-00000000000b"
      client_id    = "00000000-0000-0000-0000-00000000000c"
      tenant_id    = "00000000-0000-0000-0000-000000000002"
    }
  }
  mock_resource "azurerm_storage_account" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/reef/providers/Microsoft.Storage/storageAccounts/reef" }
  }
  mock_resource "azurerm_storage_container" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/reef/providers/Microsoft.Storage/storageAccounts/reef/blobServices/default/containers/it" }
  }
  mock_resource "azurerm_managed_disk" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/reef/providers/Microsoft.Compute/disks/reef-old" }
  }
  mock_resource "azurerm_data_protection_backup_vault" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/reef/providers/Microsoft.DataProtection/backupVaults/reef-homes" }
  }
  mock_resource "azurerm_data_protection_backup_policy_disk" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/reef/providers/Microsoft.DataProtection/backupVaults/reef-homes/backupPolicies/reef-old" }
  }
  mock_resource "azurerm_log_analytics_workspace" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/reef/providers/Microsoft.OperationalInsights/workspaces/reef" }
  }
}

variables {
  name                   = "reef"
  subscription_id        = "00000000-0000-0000-0000-000000000001"
  tenant_id              = "00000000-0000-0000-0000-000000000002"
  region                 = "westeurope"
  storage_account_suffix = "x7"
  api_access             = { office = "203.0.113.0/24" }
  home_storage = {
    homes = { gb = 256 }
    old   = { kind = "disk", gb = 200, retention_days = 30 }
  }
  node_pools = {
    user = { machine_type = "Standard_E4s_v5" }
    gpu  = { machine_type = "Standard_NC4as_T4_v3", gpu = true, max = 4 }
    dask = { machine_type = "Standard_E16s_v5", purpose = "worker", spot = true, max = 50 }
  }
  hubs = {
    ocean = {
      buckets = { scratch = { delete_after_days = 7 }, kept = { archive_days = 90 } }
      roles = {
        user = { write = ["scratch"], read = ["sand/shared", "/subscriptions/s/containers/foreign"] }
        api  = { service_account = "api", read = ["kept"] }
      }
    }
    sand = { buckets = { shared = {} } }
  }
  ci = {
    deploy_subjects  = ["repo:our-org/hubs:ref:refs/heads/main"]
    plan_subjects    = ["repo:our-org/hubs:pull_request"]
    state_account_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/state/providers/Microsoft.Storage/storageAccounts/ourstate"
  }
  admins = ["00000000-0000-0000-0000-00000000000d"]
  budget = { amount = 500, start = "2026-01-01", emails = ["you@example.org"] }
}

run "pools" {
  command = plan

  assert {
    condition     = alltrue([for pool in azurerm_kubernetes_cluster_node_pool.users : pool.min_count == 0 && pool.auto_scaling_enabled])
    error_message = "A pool of users' nodes does not scale to zero."
  }
  assert {
    condition     = azurerm_kubernetes_cluster.this.default_node_pool[0].min_count == 1 && azurerm_kubernetes_cluster.this.default_node_pool[0].node_labels["hub.jupyter.org/node-purpose"] == "core"
    error_message = "Hubs have no node of their own."
  }
  assert {
    condition     = azurerm_kubernetes_cluster_node_pool.users["user"].node_labels["hub.jupyter.org/node-purpose"] == "user"
    error_message = "The charts do not find the nodes by their label."
  }
  assert {
    condition     = azurerm_kubernetes_cluster_node_pool.users["dask"].node_labels["k8s.dask.org/node-purpose"] == "worker" && azurerm_kubernetes_cluster_node_pool.users["dask"].priority == "Spot"
    error_message = "Dask's workers are not on spot nodes of their own."
  }
  assert {
    condition     = azurerm_kubernetes_cluster_node_pool.users["gpu"].node_taints == tolist(["hub.jupyter.org_dedicated=user:NoSchedule", "nvidia.com/gpu=present:NoSchedule"])
    error_message = "Other pods would be put on nodes with GPUs."
  }
  assert {
    condition     = alltrue([for pool in azurerm_kubernetes_cluster_node_pool.users : !pool.node_public_ip_enabled])
    error_message = "Nodes have public addresses."
  }
}

run "cluster" {
  command = plan

  assert {
    condition     = azurerm_kubernetes_cluster.this.network_profile[0].network_policy == "cilium" && azurerm_kubernetes_cluster.this.network_profile[0].outbound_type == "userAssignedNATGateway"
    error_message = "Network policies are not enforced, or nodes leave by addresses that change."
  }
  assert {
    condition     = azurerm_kubernetes_cluster.this.oidc_issuer_enabled && azurerm_kubernetes_cluster.this.workload_identity_enabled
    error_message = "Pods cannot be identities of the cloud."
  }
  assert {
    condition     = azurerm_kubernetes_cluster.this.local_account_disabled && azurerm_kubernetes_cluster.this.azure_active_directory_role_based_access_control[0].azure_rbac_enabled
    error_message = "There is a kubeconfig that works by itself."
  }
  assert {
    condition     = azurerm_kubernetes_cluster.this.api_server_access_profile[0].authorized_ip_ranges == toset(["203.0.113.0/24", "203.0.113.30/32"])
    error_message = "Others than the office and the cluster's own nodes reach the API, or the nodes do not."
  }
  assert {
    condition     = azurerm_kubernetes_cluster.this.automatic_upgrade_channel == "patch" && azurerm_kubernetes_cluster.this.kubernetes_version == "1.35"
    error_message = "The version is not pinned."
  }
  assert {
    condition     = azurerm_log_analytics_workspace.this[0].retention_in_days == 30 && azurerm_log_analytics_workspace.this[0].daily_quota_gb == 1
    error_message = "Logs can cost a fortune."
  }
}

run "without_protection" {
  command = plan

  variables {
    deletion_protection = false
  }
  assert {
    condition     = length(azurerm_management_lock.homes) + length(azurerm_management_lock.disks) == 0
    error_message = "The locks stay."
  }
}

run "storage" {
  command = plan

  assert {
    condition     = azurerm_storage_account.homes["homes"].network_rules[0].default_action == "Deny" && !azurerm_storage_account.homes["homes"].shared_access_key_enabled
    error_message = "Others than the nodes mount home directories."
  }
  assert {
    condition     = azurerm_storage_account.homes["homes"].share_properties[0].retention_policy[0].days == 14
    error_message = "What is deleted is gone."
  }
  assert {
    condition     = azurerm_storage_share.homes["homes"].enabled_protocol == "NFS"
    error_message = "It is no NFS."
  }
  assert {
    condition     = azurerm_data_protection_backup_policy_disk.homes["old"].default_retention_duration == "P30D"
    error_message = "A disk has no snapshots."
  }
  assert {
    condition     = [for lock in concat(values(azurerm_management_lock.homes), values(azurerm_management_lock.disks)) : lock.lock_level] == ["CanNotDelete", "CanNotDelete"]
    error_message = "Home directories can be deleted."
  }
}

run "buckets" {
  command = plan

  assert {
    condition     = length(azurerm_storage_container.hubs) == 3 && alltrue([for container in azurerm_storage_container.hubs : container.container_access_type == "private"])
    error_message = "A bucket is public."
  }
  assert {
    condition     = !azurerm_storage_account.buckets[0].allow_nested_items_to_be_public && !azurerm_storage_account.buckets[0].shared_access_key_enabled
    error_message = "A bucket can become public, or there is a key that opens them all."
  }
  assert {
    condition = { for rule in azurerm_storage_management_policy.buckets[0].rule : rule.name => rule.actions[0].base_blob[0].delete_after_days_since_modification_greater_than if rule.name == "oceanscratch" } == {
      oceanscratch = 7
    }
    error_message = "Scratch does not forget."
  }
  assert {
    condition     = length(azurerm_storage_management_policy.buckets[0].rule) == 2
    error_message = "A bucket that nobody called scratch forgets."
  }
}

run "identities" {
  command = plan

  assert {
    condition     = azurerm_federated_identity_credential.hubs["ocean/user"].subject == "system:serviceaccount:ocean:user-sa"
    error_message = "The identity is bound to another service account than the users' servers have."
  }
  assert {
    condition     = azurerm_federated_identity_credential.hubs["ocean/api"].subject == "system:serviceaccount:ocean:api"
    error_message = "The identity of another role is bound wrongly."
  }
  assert {
    condition     = azurerm_user_assigned_identity.hubs["ocean/user"].name == "reef-ocean" && azurerm_user_assigned_identity.hubs["ocean/api"].name == "reef-ocean-api"
    error_message = "Names of identities are not those that the deployer knows."
  }
  assert {
    condition = { for key, it in azurerm_role_assignment.hubs : key => it.role_definition_name } == {
      "ocean/user write scratch"    = "Storage Blob Data Contributor"
      "ocean/user read sand/shared" = "Storage Blob Data Reader"
      "ocean/api read kept"         = "Storage Blob Data Reader"
    }
    error_message = "Somebody may more, or less, than was said."
  }
  assert {
    condition     = toset([for it in azurerm_federated_identity_credential.ci : it.subject]) == toset(["repo:our-org/hubs:ref:refs/heads/main", "repo:our-org/hubs:pull_request"])
    error_message = "Others than the repository may deploy."
  }
  assert {
    condition     = toset(keys(azurerm_role_assignment.deployer)) == toset(["Azure Kubernetes Service Cluster User Role", "Azure Kubernetes Service RBAC Cluster Admin"])
    error_message = "The deployer may more than log in to the cluster."
  }
  assert {
    condition     = { for key, it in azurerm_role_assignment.planner : key => it.role_definition_name } == { here = "Reader", cluster = "Azure Kubernetes Service Cluster User Role", snapshots = "Reader" }
    error_message = "The planner cannot look at all that there is, or may more."
  }
  assert {
    condition     = alltrue([for action in azurerm_role_definition.planner.permissions[0].actions : endswith(action, "/read")]) && contains(azurerm_role_definition.planner.permissions[0].actions, "Microsoft.Resources/subscriptions/providers/read")
    error_message = "The planner does more than read, or cannot see which services are registered."
  }
  assert {
    condition     = endswith(azurerm_role_assignment.planner_state[0].scope, "/storageAccounts/ourstate/blobServices/default/containers/terraform") && strcontains(azurerm_role_assignment.planner_state[0].condition, "'clusters/reef.tfstate'")
    error_message = "The planner reads other clusters' states."
  }
}

run "foreign_storage_that_is_ours_to_grant" {
  command = plan

  variables {
    hubs = { ocean = { roles = { user = { read = ["/subscriptions/s/containers/foreign"], grant = true } } } }
  }
  assert {
    condition     = [for it in azurerm_role_assignment.hubs : it.scope] == ["/subscriptions/s/containers/foreign"]
    error_message = "What was asked for is not granted."
  }
}

run "a_hub_that_is_called_as_something_of_the_clusters_own" {
  command = plan

  variables {
    hubs = { nodes = { roles = { user = {} } } }
  }
  expect_failures = [var.hubs]
}

run "a_service_account_that_the_chart_does_not_have" {
  command = plan

  variables {
    hubs = { ocean = { roles = { user = { service_account = "somebody" } } } }
  }
  expect_failures = [var.hubs]
}

run "a_name_that_azure_does_not_take" {
  command = plan

  variables {
    name = "sea"
  }
  expect_failures = [var.name]
}

run "with_little" {
  command = plan

  variables {
    home_storage = {}
    node_pools   = {}
    hubs         = {}
    ci           = {}
    admins       = []
    budget       = null
    registry     = { enabled = false }
    logging      = { logs = [] }
  }
  assert {
    condition     = length(azurerm_consumption_budget_subscription.this) == 0 && length(azurerm_storage_account.buckets) == 0 && length(azurerm_log_analytics_workspace.this) == 0
    error_message = "There is something that nobody asked for."
  }
}

run "nobody_reaches_the_api" {
  command = plan

  variables {
    api_access = {}
  }
  expect_failures = [var.api_access]
}

run "a_bucket_that_is_not_there" {
  command = plan

  variables {
    hubs = { ocean = { buckets = { scratch = {} }, roles = { user = { write = ["scrach"] } } } }
  }
  expect_failures = [var.hubs]
}
