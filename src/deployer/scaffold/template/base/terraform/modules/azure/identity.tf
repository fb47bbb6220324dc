# One identity for each hub and role of its pods: what a user's server may, another hub's may not.
locals {
  identities = merge([for hub, it in var.hubs : { for role, r in it.roles : "${hub}/${role}" => {
    hub             = hub
    role            = role
    namespace       = hub
    service_account = coalesce(r.service_account, "${role}-sa")
    # The user's is called CLUSTER-HUB.
    name = "${var.name}-${hub}${role == "user" ? "" : "-${role}"}"
  } }]...)

  # Of foreign storage only what is asked for: mostly its owner is somebody else, who grants it there.
  grants = merge(flatten([for hub, it in var.hubs : [for role, r in it.roles : [for mode, named in { read = r.read, write = r.write } : {
    for bucket in named : "${hub}/${role} ${mode} ${bucket}" => {
      identity = "${hub}/${role}"
      own      = contains(keys(it.buckets), bucket) ? "${hub}/${bucket}" : startswith(bucket, "/subscriptions/") ? null : bucket
      foreign  = startswith(bucket, "/subscriptions/") ? bucket : null
      role     = mode == "write" ? "Storage Blob Data Contributor" : "Storage Blob Data Reader"
    } if r.grant || !startswith(bucket, "/subscriptions/")
  }]]])...)

  subjects = { deployer = var.ci.deploy_subjects, planner = var.ci.plan_subjects }
  oidc = { for who, identity in azurerm_user_assigned_identity.ci : who => {
    client       = identity.client_id
    tenant       = identity.tenant_id
    subscription = var.subscription_id
  } }
}

resource "azurerm_user_assigned_identity" "hubs" {
  for_each = local.identities

  name                = each.value.name
  resource_group_name = azurerm_resource_group.this.name
  location            = var.region
  tags                = merge(local.tags, { hub = each.value.hub })
}

resource "azurerm_federated_identity_credential" "hubs" {
  for_each = local.identities

  name                      = "kubernetes"
  user_assigned_identity_id = azurerm_user_assigned_identity.hubs[each.key].id
  issuer                    = azurerm_kubernetes_cluster.this.oidc_issuer_url
  audience                  = ["api://AzureADTokenExchange"]
  subject                   = "system:serviceaccount:${each.value.namespace}:${each.value.service_account}"
}

resource "azurerm_role_assignment" "hubs" {
  for_each = local.grants

  scope                = each.value.own == null ? each.value.foreign : azurerm_storage_container.hubs[each.value.own].id
  role_definition_name = each.value.role
  principal_id         = azurerm_user_assigned_identity.hubs[each.value.identity].principal_id
}

# The deployer finds the cluster and is its administrator inside; it can neither delete it nor see anything else.
# The planner reads, for plans on pull requests.
resource "azurerm_user_assigned_identity" "ci" {
  for_each = toset(["deployer", "planner"])

  name                = "${var.name}-${each.value}"
  resource_group_name = azurerm_resource_group.this.name
  location            = var.region
  tags                = local.tags
}

resource "azurerm_role_assignment" "deployer" {
  for_each = toset(["Azure Kubernetes Service Cluster User Role", "Azure Kubernetes Service RBAC Cluster Admin"])

  scope                = azurerm_kubernetes_cluster.this.id
  role_definition_name = each.value
  principal_id         = azurerm_user_assigned_identity.ci["deployer"].principal_id
}

resource "azurerm_role_assignment" "planner" {
  for_each = merge(
    { here = { scope = azurerm_resource_group.this.id, role = "Reader" } },
    # The provider asks for a user's kubeconfig whenever it looks at a cluster; without a role inside it opens nothing.
    { cluster = { scope = azurerm_kubernetes_cluster.this.id, role = "Azure Kubernetes Service Cluster User Role" } },
    length(local.disks) == 0 ? {} : { snapshots = { scope = azurerm_resource_group.snapshots[0].id, role = "Reader" } },
  )

  scope                = each.value.scope
  role_definition_name = each.value.role
  principal_id         = azurerm_user_assigned_identity.ci["planner"].principal_id
}

# What a plan asks of the subscription itself: which of Azure's services are registered, and what lies outside the
# cluster's groups: the budget, and assignments of roles on foreign storage.
resource "azurerm_role_definition" "planner" {
  name        = "Planner of ${var.name} in ${var.subscription_id}"
  description = "Reads what a plan of ${var.name} asks of its subscription."
  scope       = "/subscriptions/${var.subscription_id}"

  permissions {
    actions = [
      "Microsoft.Authorization/locks/read",
      "Microsoft.Authorization/roleAssignments/read",
      "Microsoft.Authorization/roleDefinitions/read",
      "Microsoft.Consumption/budgets/read",
      "Microsoft.Resources/subscriptions/providers/read",
      "Microsoft.Resources/subscriptions/read",
      "Microsoft.Resources/subscriptions/resourceGroups/read",
    ]
  }
}

resource "azurerm_role_assignment" "planner_subscription" {
  scope              = "/subscriptions/${var.subscription_id}"
  role_definition_id = azurerm_role_definition.planner.role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.ci["planner"].principal_id
}

# Of the states the cluster's own only: others' know others' secrets.
resource "azurerm_role_assignment" "planner_state" {
  count = var.ci.state_account_id == null ? 0 : 1

  scope                = "${var.ci.state_account_id}/blobServices/default/containers/${var.ci.state_container}"
  role_definition_name = "Storage Blob Data Reader"
  principal_id         = azurerm_user_assigned_identity.ci["planner"].principal_id
  condition_version    = "2.0"
  condition = join("", [
    "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'}",
    " AND NOT SubOperationMatches{'Blob.List'}))",
    " OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path]",
    " StringEquals 'clusters/${var.name}.tfstate'))",
  ])
}

resource "azurerm_federated_identity_credential" "ci" {
  for_each = merge([for who, subjects in local.subjects : { for subject in subjects : "${who} ${subject}" => { who = who, subject = subject } }]...)

  name                      = "ci-${substr(sha1(each.value.subject), 0, 8)}"
  user_assigned_identity_id = azurerm_user_assigned_identity.ci[each.value.who].id
  issuer                    = var.ci.issuer
  audience                  = ["api://AzureADTokenExchange"]
  subject                   = each.value.subject
}
