# One identity for each hub and role of its pods: what a user's server may, another hub's may not.
locals {
  identities = merge([for hub, it in var.hubs : { for role, r in it.roles : "${hub}/${role}" => {
    hub             = hub
    role            = role
    namespace       = hub
    service_account = coalesce(r.service_account, "${role}-sa")
    requester_pays  = r.requester_pays
    # The user's is called CLUSTER-HUB. At most 30 characters; what is cut off is told apart by a hash.
    account_id = (length("${var.name}-${hub}${role == "user" ? "" : "-${role}"}") <= 30 ? "${var.name}-${hub}${role == "user" ? "" : "-${role}"}"
    : "${substr("${var.name}-${hub}-${role}", 0, 23)}-${substr(sha1("${hub}/${role}"), 0, 6)}")
  } }]...)

  # Of foreign buckets only what is asked for: mostly their owner is somebody else, who grants it there.
  grants = merge(flatten([for hub, it in var.hubs : [for role, r in it.roles : [for mode, named in { read = r.read, write = r.write } : {
    for bucket in named : "${hub}/${role} ${mode} ${bucket}" => {
      identity = "${hub}/${role}"
      own      = contains(keys(it.buckets), bucket) ? "${hub}/${bucket}" : startswith(bucket, "gs://") ? null : bucket
      foreign  = startswith(bucket, "gs://") ? trimprefix(bucket, "gs://") : null
      role     = mode == "write" ? "roles/storage.objectUser" : "roles/storage.objectViewer"
    } if r.grant || !startswith(bucket, "gs://")
  }]]])...)

  subjects = { deployer = var.ci.deploy_subjects, planner = var.ci.plan_subjects }
  oidc = { for who in keys(local.subjects) : who => {
    provider        = one(google_iam_workload_identity_pool_provider.ci[*].name)
    service_account = google_service_account.ci[who].email
  } }
  federated = length(var.ci.deploy_subjects) + length(var.ci.plan_subjects) > 0
}

resource "google_service_account" "hubs" {
  for_each = local.identities

  project      = var.project
  account_id   = each.value.account_id
  display_name = "${each.value.role} of hub ${each.value.hub} on ${var.name}"

  depends_on = [google_project_service.this]
}

resource "google_service_account_iam_member" "hubs" {
  for_each = local.identities

  service_account_id = google_service_account.hubs[each.key].id
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[${each.value.namespace}/${each.value.service_account}]"

  # The pool of the project's workload identities comes with its first cluster.
  depends_on = [google_container_cluster.this]
}

resource "google_storage_bucket_iam_member" "hubs" {
  for_each = local.grants

  bucket = each.value.own == null ? each.value.foreign : google_storage_bucket.hubs[each.value.own].name
  role   = each.value.role
  member = google_service_account.hubs[each.value.identity].member
}

# Buckets whose reader pays: this project is charged.
resource "google_project_iam_member" "requester_pays" {
  for_each = { for key, it in local.identities : key => it if it.requester_pays }

  project = var.project
  role    = "roles/serviceusage.serviceUsageConsumer"
  member  = google_service_account.hubs[each.key].member
}

# The deployer finds the cluster and logs in to it; what it may do inside is said by the cluster's own RBAC.
# The planner reads, for plans on pull requests.
resource "google_service_account" "ci" {
  for_each = toset(["deployer", "planner"])

  project      = var.project
  account_id   = "${substr(var.name, 0, 21)}-${each.value}"
  display_name = "Continuous deployment of ${var.name}: ${each.value}"

  depends_on = [google_project_service.this]
}

resource "google_project_iam_custom_role" "deployer" {
  project     = var.project
  role_id     = "${replace(var.name, "-", "_")}_deployer"
  title       = "Deployer of ${var.name}"
  permissions = ["container.clusters.connect", "container.clusters.get", "container.clusters.list"]

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "deployer" {
  project = var.project
  role    = google_project_iam_custom_role.deployer.name
  member  = google_service_account.ci["deployer"].member
}

# No basic role: a project's viewers see what is in its buckets.
resource "google_project_iam_member" "planner" {
  for_each = toset([
    "roles/artifactregistry.reader",
    "roles/backupdr.viewer",
    "roles/browser",
    "roles/compute.viewer",
    "roles/container.clusterViewer",
    "roles/file.viewer",
    "roles/iam.securityReviewer",
    "roles/iam.workloadIdentityPoolViewer",
    "roles/logging.viewer",
    "roles/monitoring.viewer",
    # To see what is switched on, and to ask in the name of this project, as the provider does.
    "roles/serviceusage.serviceUsageConsumer",
    "roles/storage.bucketViewer",
  ])

  project = var.project
  role    = each.value
  member  = google_service_account.ci["planner"].member
}

# A budget of one project only may be read by who may read that project's budgets; the billing account stays closed.
resource "google_project_iam_custom_role" "planner" {
  count = var.budget == null ? 0 : 1

  project     = var.project
  role_id     = "${replace(var.name, "-", "_")}_planner"
  title       = "Planner of ${var.name}"
  permissions = ["billing.resourcebudgets.read", "resourcemanager.projects.get"]

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "planner_budget" {
  count = var.budget == null ? 0 : 1

  project = var.project
  role    = google_project_iam_custom_role.planner[0].name
  member  = google_service_account.ci["planner"].member
}

# Of the states the cluster's own only: others' know others' secrets.
resource "google_storage_bucket_iam_member" "planner_state" {
  count = var.ci.state_bucket == null ? 0 : 1

  bucket = var.ci.state_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.ci["planner"].member

  condition {
    title = "state-of-${var.name}"
    expression = join(" || ", [
      "resource.name.startsWith(\"projects/_/buckets/${var.ci.state_bucket}/objects/clusters/${var.name}/\")",
      "api.getAttribute(\"storage.googleapis.com/objectListPrefix\", \"\").startsWith(\"clusters/${var.name}/\")",
    ])
  }
}

resource "google_iam_workload_identity_pool" "ci" {
  count = local.federated ? 1 : 0

  project                   = var.project
  workload_identity_pool_id = "${substr(var.name, 0, 29)}-ci"
  display_name              = "CI of ${substr(var.name, 0, 26)}"

  depends_on = [google_project_service.this]
}

resource "google_iam_workload_identity_pool_provider" "ci" {
  count = local.federated ? 1 : 0

  project                            = var.project
  workload_identity_pool_id          = google_iam_workload_identity_pool.ci[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "oidc"
  attribute_mapping                  = { "google.subject" = "assertion.sub" }
  # Nobody else's tokens are even exchanged.
  attribute_condition = "assertion.sub in ['${join("', '", concat(var.ci.deploy_subjects, var.ci.plan_subjects))}']"

  oidc {
    issuer_uri = var.ci.issuer
  }
}

resource "google_service_account_iam_member" "ci" {
  for_each = merge([for who, subjects in local.subjects : { for subject in subjects : "${who} ${subject}" => { who = who, subject = subject } }]...)

  service_account_id = google_service_account.ci[each.value.who].id
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.ci[0].name}/subject/${each.value.subject}"
}

resource "google_service_account_key" "deployer" {
  count = var.ci.key ? 1 : 0

  service_account_id = google_service_account.ci["deployer"].name
}
