# What a plan must hold to. No cloud is asked: `tofu init && tofu test` in the module's folder.
mock_provider "google" {
  mock_resource "google_filestore_instance" {
    defaults = { networks = { ip_addresses = ["10.120.34.2"] } }
  }
  mock_resource "google_service_account" {
    defaults = {
      id     = "projects/our-project/serviceAccounts/somebody@our-project.iam.gserviceaccount.com"
      name   = "projects/our-project/serviceAccounts/somebody@our-project.iam.gserviceaccount.com"
      email  = "somebody@our-project.iam.gserviceaccount.com"
      member = "serviceAccount:somebody@our-project.iam.gserviceaccount.com"
    }
  }
}

variables {
  name    = "reef"
  project = "our-project"
  region  = "europe-west1"
  zone    = "europe-west1-b"
  home_storage = {
    homes = { gb = 1024 }
    old   = { kind = "disk", gb = 200, retention_days = 30 }
  }
  node_pools = {
    user = { machine_type = "n2-highmem-4" }
    gpu  = { machine_type = "n1-standard-8", gpu = { type = "nvidia-tesla-t4" }, max = 4 }
    dask = { machine_type = "n2-highmem-16", purpose = "worker", spot = true, max = 50 }
  }
  hubs = {
    ocean = {
      buckets = { scratch = { delete_after_days = 7 }, kept = { versioning = true, archive_days = 90 } }
      roles = {
        user = { write = ["scratch"], read = ["gs://foreign-data", "sand/shared"], requester_pays = true }
        api  = { service_account = "api", read = ["kept"] }
      }
    }
    sand = { buckets = { shared = {} } }
  }
  ci = {
    deploy_subjects = ["repo:our-org/hubs:ref:refs/heads/main"]
    plan_subjects   = ["repo:our-org/hubs:pull_request"]
    state_bucket    = "our-state"
  }
  budget = { billing_account = "000000-000000-000000", amount = 500, emails = ["you@example.org"] }
}

run "pools" {
  command = plan

  assert {
    condition     = alltrue([for pool in google_container_node_pool.users : pool.autoscaling[0].total_min_node_count == 0 && pool.initial_node_count == 0])
    error_message = "A pool of users' nodes does not scale to zero."
  }
  assert {
    condition     = google_container_node_pool.core.autoscaling[0].min_node_count == 1
    error_message = "Hubs have no node of their own."
  }
  assert {
    condition     = google_container_node_pool.users["user"].node_config[0].labels["hub.jupyter.org/node-purpose"] == "user"
    error_message = "The charts do not find the nodes by their label."
  }
  assert {
    condition     = google_container_node_pool.users["dask"].node_config[0].labels["k8s.dask.org/node-purpose"] == "worker" && google_container_node_pool.users["dask"].node_config[0].spot
    error_message = "Dask's workers are not on spot nodes of their own."
  }
  assert {
    condition     = [for taint in google_container_node_pool.users["gpu"].node_config[0].taint : taint.key] == ["hub.jupyter.org_dedicated", "nvidia.com/gpu"]
    error_message = "Other pods would be put on nodes with GPUs."
  }
  assert {
    condition     = google_container_node_pool.users["gpu"].node_config[0].guest_accelerator[0].type == "nvidia-tesla-t4"
    error_message = "The GPU is missing."
  }
  assert {
    condition     = alltrue([for pool in google_container_node_pool.users : pool.node_config[0].workload_metadata_config[0].mode == "GKE_METADATA"])
    error_message = "Pods can be what their node is."
  }
}

run "cluster" {
  command = plan

  assert {
    condition     = google_container_cluster.this.deletion_protection
    error_message = "The cluster can be deleted."
  }
  assert {
    condition     = google_container_cluster.this.private_cluster_config[0].enable_private_nodes
    error_message = "Nodes have public addresses."
  }
  assert {
    condition     = google_container_cluster.this.datapath_provider == "ADVANCED_DATAPATH"
    error_message = "Network policies are not enforced."
  }
  assert {
    condition     = google_container_cluster.this.workload_identity_config[0].workload_pool == "our-project.svc.id.goog"
    error_message = "Pods cannot be identities of the cloud."
  }
  assert {
    condition     = google_container_cluster.this.release_channel[0].channel == "REGULAR"
    error_message = "Upgrades follow no channel."
  }
  assert {
    condition     = !google_container_cluster.this.control_plane_endpoints_config[0].ip_endpoints_config[0].enabled
    error_message = "The API is open to all addresses though none was named."
  }
  assert {
    condition     = !contains(google_container_cluster.this.logging_config[0].enable_components, "WORKLOADS")
    error_message = "All that pods write is logged, and paid for."
  }
  assert {
    condition     = google_compute_router_nat.this.log_config[0].filter == "ERRORS_ONLY"
    error_message = "All that passes the NAT is logged, and paid for."
  }
}

run "a_regional_cluster_reached_by_address" {
  command = plan

  variables {
    regional   = true
    api_access = { office = "203.0.113.0/24" }
  }
  assert {
    condition     = google_container_cluster.this.location == "europe-west1" && !contains(coalesce(google_container_node_pool.core.node_locations, []), "europe-west1-b")
    error_message = "It is in one zone."
  }
  assert {
    condition     = [for block in google_container_cluster.this.master_authorized_networks_config[0].cidr_blocks : block.cidr_block] == ["203.0.113.0/24"]
    error_message = "Others than the office reach the API."
  }
}

run "storage" {
  command = plan

  assert {
    condition     = google_filestore_instance.homes["homes"].deletion_protection_enabled
    error_message = "Home directories can be deleted."
  }
  assert {
    condition     = google_backup_dr_backup_plan.homes["homes"].backup_rules[0].backup_retention_days == 14
    error_message = "Home directories are not backed up."
  }
  assert {
    condition     = google_compute_resource_policy.homes["old"].snapshot_schedule_policy[0].retention_policy[0].max_retention_days == 30
    error_message = "A disk has no snapshots."
  }
  assert {
    condition     = google_filestore_instance.homes["homes"].file_shares[0].nfs_export_options[0].ip_ranges == tolist(["10.0.0.0/20"])
    error_message = "Others than the nodes mount home directories."
  }
}

run "buckets" {
  command = plan

  assert {
    condition     = length(google_storage_bucket.hubs) == 3 && alltrue([for bucket in google_storage_bucket.hubs : bucket.public_access_prevention == "enforced" && bucket.uniform_bucket_level_access && !bucket.force_destroy])
    error_message = "A bucket can become public."
  }
  assert {
    condition     = one([for rule in google_storage_bucket.hubs["ocean/scratch"].lifecycle_rule : tolist(rule.condition)[0].age if tolist(rule.action)[0].type == "Delete"]) == 7
    error_message = "Scratch does not forget."
  }
  assert {
    condition     = google_storage_bucket.hubs["ocean/scratch"].soft_delete_policy[0].retention_duration_seconds == 0
    error_message = "What scratch forgets is kept for another week, and paid for."
  }
  assert {
    condition     = length([for rule in google_storage_bucket.hubs["sand/shared"].lifecycle_rule : rule if tolist(rule.action)[0].type == "Delete"]) == 0
    error_message = "A bucket that nobody called scratch forgets."
  }
}

run "identities" {
  command = plan

  assert {
    condition     = google_service_account_iam_member.hubs["ocean/user"].member == "serviceAccount:our-project.svc.id.goog[ocean/user-sa]"
    error_message = "The identity is bound to another service account than the users' servers have."
  }
  assert {
    condition     = google_service_account_iam_member.hubs["ocean/api"].member == "serviceAccount:our-project.svc.id.goog[ocean/api]"
    error_message = "The identity of another role is bound wrongly."
  }
  assert {
    condition     = google_service_account.hubs["ocean/user"].account_id == "reef-ocean" && google_service_account.hubs["ocean/api"].account_id == "reef-ocean-api"
    error_message = "Names of identities are not those that the deployer knows."
  }
  assert {
    condition = { for key, it in google_storage_bucket_iam_member.hubs : key => it.role } == {
      "ocean/user write scratch"    = "roles/storage.objectUser"
      "ocean/user read sand/shared" = "roles/storage.objectViewer"
      "ocean/api read kept"         = "roles/storage.objectViewer"
    }
    error_message = "Somebody may more, or less, than was said."
  }
  assert {
    condition     = contains(keys(google_project_iam_member.planner), "roles/serviceusage.serviceUsageConsumer")
    error_message = "The planner cannot ask in the name of the project."
  }
  assert {
    condition     = [for role in google_project_iam_custom_role.planner : toset(role.permissions)] == [toset(["billing.resourcebudgets.read", "resourcemanager.projects.get"])]
    error_message = "The planner cannot read the budget, or may more."
  }
  assert {
    condition     = strcontains(google_storage_bucket_iam_member.planner_state[0].condition[0].expression, "projects/_/buckets/our-state/objects/clusters/reef/")
    error_message = "The planner reads other clusters' states."
  }
  assert {
    condition     = toset(keys(google_project_iam_member.requester_pays)) == toset(["ocean/user"])
    error_message = "Somebody pays who was not asked to, or the other way round."
  }
  assert {
    condition     = google_iam_workload_identity_pool_provider.ci[0].attribute_condition == "assertion.sub in ['repo:our-org/hubs:ref:refs/heads/main', 'repo:our-org/hubs:pull_request']"
    error_message = "Tokens of other repositories are exchanged."
  }
  assert {
    condition     = length(google_service_account_key.deployer) == 0
    error_message = "There is a key that nobody asked for."
  }
  assert {
    condition     = length(setintersection(keys(google_project_iam_member.planner), ["roles/viewer", "roles/editor", "roles/owner"])) == 0
    error_message = "The planner sees what is in buckets."
  }
  assert {
    condition     = toset(google_project_iam_custom_role.deployer.permissions) == toset(["container.clusters.connect", "container.clusters.get", "container.clusters.list"])
    error_message = "The deployer may more than log in to the cluster."
  }
}

run "with_little" {
  command = plan

  variables {
    home_storage = {}
    node_pools   = {}
    hubs         = {}
    ci           = {}
    budget       = null
    registry     = { enabled = false }
  }
  assert {
    condition     = length(google_iam_workload_identity_pool.ci) == 0 && length(google_billing_budget.this) == 0 && length(google_backup_dr_backup_vault.homes) == 0
    error_message = "There is something that nobody asked for."
  }
}

run "a_bucket_that_is_not_there" {
  command = plan

  variables {
    hubs = { ocean = { buckets = { scratch = {} }, roles = { user = { write = ["scrach"] } } } }
  }
  expect_failures = [var.hubs]
}

run "a_foreign_bucket_that_is_ours_to_grant" {
  command = plan

  variables {
    hubs = { ocean = { roles = { user = { read = ["gs://our-data"], grant = true } } } }
  }
  assert {
    condition     = [for it in google_storage_bucket_iam_member.hubs : it.bucket] == ["our-data"]
    error_message = "What was asked for is not granted."
  }
}

run "a_hub_that_is_called_as_something_of_the_clusters_own" {
  command = plan

  variables {
    hubs = { planner = { roles = { user = {} } } }
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

run "an_account_whose_name_is_too_short" {
  command = plan

  variables {
    name = "sea"
    hubs = { a = { roles = { user = {} } } }
  }
  expect_failures = [var.hubs]
}

run "a_key_in_a_state_that_planners_read" {
  command = plan

  variables {
    ci = { key = true, plan_subjects = ["repo:our-org/hubs:pull_request"] }
  }
  expect_failures = [var.ci]
}

run "two_identities_of_one_name" {
  command = plan

  variables {
    hubs = { a = { roles = { b = {} } }, a-b = { roles = { user = {} } } }
  }
  expect_failures = [var.hubs]
}

run "a_subject_with_a_wildcard" {
  command = plan

  variables {
    ci = { deploy_subjects = ["repo:our-org/*"] }
  }
  expect_failures = [var.ci]
}
