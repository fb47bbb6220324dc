# What a plan must hold to. No cloud is asked: `tofu init && tofu test` in the module's folder.
mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_eks_cluster" {
    defaults = {
      arn      = "arn:aws:eks:eu-west-1:123456789012:cluster/reef"
      identity = [{ oidc = [{ issuer = "https://oidc.example.org/id/REEF" }] }]
    }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/oidc.example.org/id/REEF" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/somebody" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0", latest_version = 1 }
  }
  mock_resource "aws_iam_user" {
    defaults = { arn = "arn:aws:iam::123456789012:user/somebody" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:123456789012:log-group:reef" }
  }
}

variables {
  name   = "reef"
  region = "eu-west-1"
  zones  = ["eu-west-1a", "eu-west-1b"]
  home_storage = {
    homes = {}
    old   = { kind = "disk", gb = 200, retention_days = 30 }
  }
  node_pools = {
    user = { machine_type = "r6i.xlarge" }
    gpu  = { machine_type = "g4dn.xlarge", gpu = true, max = 4 }
    dask = { machine_type = "r6i.4xlarge", purpose = "worker", spot = true, max = 50, zones = ["eu-west-1a", "eu-west-1b"] }
  }
  hubs = {
    ocean = {
      buckets = { scratch = { delete_after_days = 7 }, kept = { versioning = true, archive_days = 90 } }
      roles = {
        user = { write = ["scratch"], read = ["s3://foreign-data", "sand/shared"], requester_pays = true }
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
  budget = { amount = 500, emails = ["you@example.org"] }
}

run "pools" {
  command = plan

  assert {
    condition     = alltrue([for pool in aws_eks_node_group.users : pool.scaling_config[0].min_size == 0 && pool.scaling_config[0].desired_size == 0])
    error_message = "A pool of users' nodes does not scale to zero."
  }
  assert {
    condition     = aws_eks_node_group.core.scaling_config[0].min_size == 1 && length(aws_eks_node_group.core.subnet_ids) == 1
    error_message = "Hubs have no node of their own, or one that their disks cannot follow to."
  }
  assert {
    condition     = aws_eks_node_group.users["user"].labels["hub.jupyter.org/node-purpose"] == "user"
    error_message = "The charts do not find the nodes by their label."
  }
  assert {
    condition     = aws_eks_node_group.users["dask"].labels["k8s.dask.org/node-purpose"] == "worker" && aws_eks_node_group.users["dask"].capacity_type == "SPOT"
    error_message = "Dask's workers are not on spot nodes of their own."
  }
  assert {
    condition     = toset([for taint in aws_eks_node_group.users["gpu"].taint : taint.key]) == toset(["hub.jupyter.org_dedicated", "nvidia.com/gpu"])
    error_message = "Other pods would be put on nodes with GPUs."
  }
  assert {
    condition     = aws_eks_node_group.users["gpu"].ami_type == "AL2023_x86_64_NVIDIA"
    error_message = "Nodes with GPUs have no driver."
  }
  assert {
    condition     = alltrue([for template in aws_launch_template.nodes : template.metadata_options[0].http_tokens == "required" && template.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "Pods can be what their node is."
  }
  assert {
    condition     = alltrue([for template in aws_launch_template.nodes : tobool(template.block_device_mappings[0].ebs[0].encrypted)])
    error_message = "Nodes' disks are in clear."
  }
}

run "cluster" {
  command = plan

  assert {
    condition     = aws_eks_cluster.this.deletion_protection
    error_message = "The cluster can be deleted."
  }
  assert {
    condition     = alltrue([for subnet in aws_subnet.private : subnet.map_public_ip_on_launch != true])
    error_message = "Nodes have public addresses."
  }
  assert {
    condition     = !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "The API is open to all addresses though none was named."
  }
  assert {
    condition     = jsondecode(aws_eks_addon.before_nodes["vpc-cni"].configuration_values).enableNetworkPolicy == "true"
    error_message = "Network policies are not enforced."
  }
  assert {
    condition     = jsondecode(aws_eks_addon.after_nodes["aws-ebs-csi-driver"].configuration_values).defaultStorageClass.enabled
    error_message = "A hub's database finds no storage class."
  }
  assert {
    condition     = aws_eks_cluster.this.access_config[0].authentication_mode == "API"
    error_message = "Who may what stands in two places."
  }
  assert {
    condition     = aws_eks_cluster.this.enabled_cluster_log_types == toset(["authenticator"]) && aws_cloudwatch_log_group.cluster.retention_in_days == 30
    error_message = "Logs cost a fortune, or are kept for ever."
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 1
    error_message = "Each zone has a NAT gateway though nobody asked for it."
  }
}

run "reached_by_address" {
  command = plan

  variables {
    api_access = { office = "203.0.113.0/24" }
    network    = { nat_per_zone = true, flow_logs = true }
  }
  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_public_access && aws_eks_cluster.this.vpc_config[0].public_access_cidrs == toset(["203.0.113.0/24"])
    error_message = "Others than the office reach the API, or nobody does."
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 2 && length(aws_flow_log.this) == 1
    error_message = "What was asked for is not there."
  }
}

run "storage" {
  command = plan

  assert {
    condition     = aws_efs_file_system.homes["homes"].encrypted && aws_ebs_volume.homes["old"].encrypted
    error_message = "Home directories are stored in clear."
  }
  assert {
    condition     = aws_efs_backup_policy.homes["homes"].backup_policy[0].status == "ENABLED"
    error_message = "Home directories are not backed up."
  }
  assert {
    condition     = aws_dlm_lifecycle_policy.homes["old"].policy_details[0].schedule[0].retain_rule[0].count == 30
    error_message = "A disk has no snapshots."
  }
  assert {
    condition     = aws_dlm_lifecycle_policy.homes["old"].policy_details[0].target_tags["snapshots"] == aws_ebs_volume.homes["old"].tags["snapshots"]
    error_message = "Snapshots are made of something else."
  }
  assert {
    condition     = length(aws_efs_mount_target.homes) == 2 && aws_vpc_security_group_ingress_rule.homes[0].from_port == 2049
    error_message = "Nodes do not reach home directories in each zone."
  }
}

run "buckets" {
  command = plan

  assert {
    condition = keys(aws_s3_bucket_public_access_block.hubs) == keys(aws_s3_bucket.hubs) && alltrue([for block in aws_s3_bucket_public_access_block.hubs :
    block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets])
    error_message = "A bucket can become public."
  }
  assert {
    condition     = alltrue([for bucket in aws_s3_bucket.hubs : !bucket.force_destroy])
    error_message = "A bucket goes with all that is in it."
  }
  assert {
    condition     = one([for rule in aws_s3_bucket_lifecycle_configuration.hubs["ocean/scratch"].rule : rule.expiration[0].days if rule.id == "scratch"]) == 7
    error_message = "Scratch does not forget."
  }
  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.hubs["sand/shared"].rule : rule.id] == ["left-overs"]
    error_message = "A bucket that nobody called scratch forgets."
  }
}

run "identities" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role.hubs["ocean/user"].assume_role_policy).Statement[0].Condition.StringEquals == {
      "oidc.example.org/id/REEF:sub" = "system:serviceaccount:ocean:user-sa"
      "oidc.example.org/id/REEF:aud" = "sts.amazonaws.com"
    }
    error_message = "The identity is bound to another service account than the users' servers have."
  }
  assert {
    condition     = jsondecode(aws_iam_role.hubs["ocean/api"].assume_role_policy).Statement[0].Condition.StringEquals["oidc.example.org/id/REEF:sub"] == "system:serviceaccount:ocean:api"
    error_message = "The identity of another role is bound wrongly."
  }
  assert {
    condition     = aws_iam_role.hubs["ocean/user"].name == "reef-ocean" && aws_iam_role.hubs["ocean/api"].name == "reef-ocean-api"
    error_message = "Names of identities are not those that the deployer knows."
  }
  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.hubs["ocean/user"].policy).Statement : statement.Resource if contains(statement.Action, "s3:PutObject")] == [
      ["arn:aws:s3:::reef-ocean-scratch-123456789012/*"]
    ]
    error_message = "Users write where nobody said they may."
  }
  assert {
    condition = one([for statement in jsondecode(aws_iam_role_policy.hubs["ocean/user"].policy).Statement : toset(statement.Resource) if contains(statement.Action, "s3:GetObject")]) == toset([
      "arn:aws:s3:::foreign-data/*", "arn:aws:s3:::reef-sand-shared-123456789012/*", "arn:aws:s3:::reef-ocean-scratch-123456789012/*"
    ])
    error_message = "Users read more, or less, than was said."
  }
  assert {
    condition     = length(jsondecode(aws_iam_role_policy.hubs["ocean/api"].policy).Statement) == 2
    error_message = "Who only reads may write."
  }
  assert {
    condition     = jsondecode(aws_iam_role.ci["deployer"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == ["repo:our-org/hubs:ref:refs/heads/main"]
    error_message = "Others than the repository's default branch may deploy."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.deployer[0].policy).Statement == [{ Effect = "Allow", Action = ["eks:DescribeCluster"], Resource = "arn:aws:eks:eu-west-1:123456789012:cluster/reef" }]
    error_message = "The deployer may more than find its cluster."
  }
  assert {
    condition = length(setsubtract(["eks:Describe*", "eks:List*", "dlm:Get*", "budgets:ViewBudget"],
    flatten([for statement in jsondecode(aws_iam_role_policy.planner[0].policy).Statement : statement.Action]))) == 0
    error_message = "The planner cannot look at all that there is."
  }
  assert {
    condition = alltrue(flatten([for statement in jsondecode(aws_iam_role_policy.planner[0].policy).Statement : [
      for action in statement.Action : can(regex(":(Describe|Get|List|View)", action)) && !startswith(action, "s3:GetObject")
    ]]))
    error_message = "The planner does more than read, or reads what is in buckets."
  }
  assert {
    condition     = length(aws_iam_access_key.deployer) == 0 && keys(aws_eks_access_entry.deployer) == ["oidc"]
    error_message = "There is a key that nobody asked for."
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
    condition     = length(aws_iam_openid_connect_provider.ci) == 0 && length(aws_budgets_budget.this) == 0 && length(aws_security_group.homes) == 0
    error_message = "There is something that nobody asked for."
  }
}

run "a_key_that_was_asked_for" {
  command = plan

  variables {
    ci = { key = true }
  }
  assert {
    condition     = length(aws_iam_access_key.deployer) == 1 && keys(aws_eks_access_entry.deployer) == ["key"]
    error_message = "The key opens nothing."
  }
}

run "a_hub_that_is_called_as_something_of_the_clusters_own" {
  command = plan

  variables {
    hubs = { ebs = { roles = { user = {} } } }
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

run "a_key_in_a_state_that_planners_read" {
  command = plan

  variables {
    ci = { key = true, plan_subjects = ["repo:our-org/hubs:pull_request"] }
  }
  expect_failures = [var.ci]
}

run "a_bucket_that_is_not_there" {
  command = plan

  variables {
    hubs = { ocean = { buckets = { scratch = {} }, roles = { user = { write = ["scrach"] } } } }
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
