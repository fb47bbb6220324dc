resource "aws_iam_role" "cluster" {
  name = "${var.name}-cluster"
  tags = local.tags
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "eks.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "cluster" {
  role       = aws_iam_role.cluster.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/AmazonEKSClusterPolicy"
}

# Made here, so that it ends: what EKS makes by itself keeps logs for ever.
resource "aws_cloudwatch_log_group" "cluster" {
  name              = "/aws/eks/${var.name}/cluster"
  retention_in_days = var.logging.retention_days
  tags              = local.tags
}

resource "aws_eks_cluster" "this" {
  name                      = var.name
  version                   = var.kubernetes.version
  role_arn                  = aws_iam_role.cluster.arn
  deletion_protection       = var.deletion_protection
  enabled_cluster_log_types = var.logging.logs
  # The add-ons are named below, with versions that follow Kubernetes'.
  bootstrap_self_managed_addons = false
  tags                          = local.tags

  vpc_config {
    subnet_ids              = [for subnet in aws_subnet.private : subnet.id]
    endpoint_private_access = true
    endpoint_public_access  = length(var.api_access) > 0
    public_access_cidrs     = length(var.api_access) > 0 ? values(var.api_access) : null
  }

  # Who may do what stands in access entries, which the account's administrators can always mend.
  access_config {
    authentication_mode                         = "API"
    bootstrap_cluster_creator_admin_permissions = true
  }

  upgrade_policy {
    support_type = var.kubernetes.support
  }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [bootstrap_self_managed_addons]
  }

  depends_on = [aws_iam_role_policy_attachment.cluster, aws_cloudwatch_log_group.cluster]
}

# The cluster's own tokens, which make a pod's service account an IAM role (IRSA).
resource "aws_iam_openid_connect_provider" "cluster" {
  url            = aws_eks_cluster.this.identity[0].oidc[0].issuer
  client_id_list = ["sts.amazonaws.com"]
  tags           = local.tags
}

locals {
  # What the cluster's own programs are, to the cloud.
  system = {
    cni        = { subject = "kube-system:aws-node", policy = "AmazonEKS_CNI_Policy" }
    ebs        = { subject = "kube-system:ebs-csi-controller-sa", policy = "service-role/AmazonEBSCSIDriverPolicy" }
    autoscaler = { subject = "support:cluster-autoscaler", policy = null }
  }
  issuer = trimprefix(aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://")
  trust = { for key, subject in merge(
    { for key, it in local.system : key => it.subject },
    { for key, it in local.identities : key => "${it.namespace}:${it.service_account}" },
    ) : key => jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Effect    = "Allow"
        Action    = "sts:AssumeRoleWithWebIdentity"
        Principal = { Federated = aws_iam_openid_connect_provider.cluster.arn }
        Condition = { StringEquals = {
          "${local.issuer}:sub" = "system:serviceaccount:${subject}"
          "${local.issuer}:aud" = "sts.amazonaws.com"
        } }
      }]
  }) }
}

resource "aws_iam_role" "system" {
  for_each = local.system

  name               = "${var.name}-${each.key}"
  assume_role_policy = local.trust[each.key]
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "system" {
  for_each = { for key, it in local.system : key => it.policy if it.policy != null }

  role       = aws_iam_role.system[each.key].name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/${each.value}"
}

# EKS has no autoscaler of its own: the support chart's one becomes this role, and may change this cluster's groups only.
resource "aws_iam_role_policy" "autoscaler" {
  name = "autoscaler"
  role = aws_iam_role.system["autoscaler"].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Action = [
          "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances",
          "autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeScalingActivities", "autoscaling:DescribeTags",
          "ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions", "ec2:GetInstanceTypesFromInstanceRequirements",
        ]
        Resource = "*"
      },
      {
        Effect   = "Allow"
        Action   = ["eks:DescribeNodegroup"]
        Resource = "arn:${data.aws_partition.this.partition}:eks:${var.region}:${data.aws_caller_identity.this.account_id}:nodegroup/${var.name}/*"
      },
      {
        Effect    = "Allow"
        Action    = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:ResourceTag/eks:cluster-name" = var.name } }
      },
    ]
  })
}

# Network policies are enforced by the network add-on itself.
resource "aws_eks_addon" "before_nodes" {
  for_each = {
    "vpc-cni"    = { role = aws_iam_role.system["cni"].arn, configuration = { enableNetworkPolicy = "true" } }
    "kube-proxy" = { role = null, configuration = {} }
  }

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  service_account_role_arn    = each.value.role
  configuration_values        = length(each.value.configuration) > 0 ? jsonencode(each.value.configuration) : null
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
  tags                        = local.tags

  depends_on = [aws_iam_role_policy_attachment.system]
}

resource "aws_eks_addon" "after_nodes" {
  for_each = {
    coredns = { role = null, configuration = {} }
    # A hub's database is on a volume of the default storage class, and EKS has none by itself.
    "aws-ebs-csi-driver" = { role = aws_iam_role.system["ebs"].arn, configuration = { defaultStorageClass = { enabled = true } } }
  }

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  service_account_role_arn    = each.value.role
  configuration_values        = length(each.value.configuration) > 0 ? jsonencode(each.value.configuration) : null
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
  tags                        = local.tags

  depends_on = [aws_eks_node_group.core, aws_iam_role_policy_attachment.system]
}
