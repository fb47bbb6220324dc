output "cluster" {
  description = "How the cluster is found: cluster.yaml's name, provider, provider_url and connection block."
  value = {
    name         = var.name
    provider     = "aws"
    provider_url = "https://${var.region}.console.aws.amazon.com/eks/clusters/${aws_eks_cluster.this.name}?region=${var.region}"
    connection = merge(
      {
        clusterName = aws_eks_cluster.this.name
        clusterType = "eks"
        region      = var.region
        account     = data.aws_caller_identity.this.account_id
      },
      length(var.ci.deploy_subjects) > 0 ? { oidc = { role = aws_iam_role.ci["deployer"].arn } } : {},
    )
  }
}

output "kubernetes_version" {
  description = "The version that the control plane runs."
  value       = aws_eks_cluster.this.version
}

output "home_storage" {
  description = "Where home directories are: an NFS server and its path, or the disk for an NFS server in the cluster."
  value = merge(
    { for name, store in aws_efs_file_system.homes : name => {
      kind   = "nfs"
      server = store.dns_name
      path   = "/"
    } },
    { for name, disk in aws_ebs_volume.homes : name => {
      kind      = "disk"
      volume_id = disk.id
      gb        = disk.size
    } },
  )
}

output "buckets" {
  description = "Each hub's buckets, by HUB/BUCKET."
  value       = { for key, bucket in aws_s3_bucket.hubs : key => { hub = local.buckets[key].hub, url = "s3://${bucket.bucket}" } }
}

output "service_accounts" {
  description = "What makes a Kubernetes service account one of the identities, by HUB/ROLE: annotations, and labels of its pods."
  value = merge(
    { for key, it in local.identities : key => {
      hub         = it.hub
      role        = it.role
      name        = it.service_account
      annotations = { "eks.amazonaws.com/role-arn" = aws_iam_role.hubs[key].arn }
      pod_labels  = {}
    } },
    { "support/autoscaler" = {
      hub         = "support"
      role        = "autoscaler"
      name        = "cluster-autoscaler"
      annotations = { "eks.amazonaws.com/role-arn" = aws_iam_role.system["autoscaler"].arn }
      pod_labels  = {}
    } },
  )
}

output "node_pools" {
  description = "Labels and taints by which hubs' values name the pools."
  value = { for name, pool in var.node_pools : name => {
    machine_type = pool.machine_type
    labels       = local.pool_labels[name]
    taints       = [for taint in local.pool_taints[name] : "${taint.key}=${taint.value}:NoSchedule"]
  } }
}

output "registry" {
  description = "Where images are pushed, or nothing."
  value       = one(aws_ecr_repository.images[*].repository_url)
}

output "nat_addresses" {
  description = "The addresses that all that leaves the cluster comes from, for others' lists of who may."
  value       = [for address in aws_eip.nat : address.public_ip]
}

output "ci" {
  description = "What a CI becomes the deployer with, who upgrades hubs, and the planner, who reads; nothing of it is secret."
  value       = { for who in keys(local.subjects) : who => { aws = { role = aws_iam_role.ci[who].arn, region = var.region } } }
}

output "deployer_key" {
  description = "The deployer's key, where one was asked for: encrypt it with sops before it touches a disk."
  value = one([for key in aws_iam_access_key.deployer : jsonencode({
    AccessKey = { AccessKeyId = key.id, SecretAccessKey = key.secret }
  })])
  sensitive = true
}
