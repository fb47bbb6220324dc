# One identity for each hub and role of its pods: what a user's server may, another hub's may not.
locals {
  identities = merge([for hub, it in var.hubs : { for role, r in it.roles : "${hub}/${role}" => {
    hub             = hub
    role            = role
    namespace       = hub
    service_account = coalesce(r.service_account, "${role}-sa")
    # The user's is called CLUSTER-HUB. At most 64 characters; what is cut off is told apart by a hash.
    name = (length("${var.name}-${hub}${role == "user" ? "" : "-${role}"}") <= 64 ? "${var.name}-${hub}${role == "user" ? "" : "-${role}"}"
    : "${substr("${var.name}-${hub}-${role}", 0, 57)}-${substr(sha1("${hub}/${role}"), 0, 6)}")
    reads  = [for bucket in r.read : startswith(bucket, "s3://") ? trimprefix(bucket, "s3://") : local.buckets[contains(keys(it.buckets), bucket) ? "${hub}/${bucket}" : bucket].name]
    writes = [for bucket in r.write : startswith(bucket, "s3://") ? trimprefix(bucket, "s3://") : local.buckets[contains(keys(it.buckets), bucket) ? "${hub}/${bucket}" : bucket].name]
  } }]...)
  with_buckets = { for key, it in local.identities : key => it if length(it.reads) + length(it.writes) > 0 }

  arn          = "arn:${data.aws_partition.this.partition}"
  subjects     = { for who, subjects in { deployer = var.ci.deploy_subjects, planner = var.ci.plan_subjects } : who => subjects if length(subjects) > 0 }
  issuer_of_ci = trimprefix(var.ci.issuer, "https://")
  provider_arn = var.ci.provider_arn != null ? var.ci.provider_arn : one(aws_iam_openid_connect_provider.ci[*].arn)
}

resource "aws_iam_role" "hubs" {
  for_each = local.identities

  name               = each.value.name
  assume_role_policy = local.trust[each.key]
  tags               = merge(local.tags, { hub = each.value.hub })
}

# A bucket whose reader pays charges this account by itself: the request says so, no permission does.
# The owner of a foreign bucket must let this role in as well.
resource "aws_iam_role_policy" "hubs" {
  for_each = local.with_buckets

  name = "buckets"
  role = aws_iam_role.hubs[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation"]
        Resource = [for bucket in distinct(concat(each.value.reads, each.value.writes)) : "${local.arn}:s3:::${bucket}"]
        }, {
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [for bucket in distinct(concat(each.value.reads, each.value.writes)) : "${local.arn}:s3:::${bucket}/*"]
      }],
      length(each.value.writes) == 0 ? [] : [{
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        Resource = [for bucket in each.value.writes : "${local.arn}:s3:::${bucket}/*"]
      }],
    )
  })
}

resource "aws_iam_openid_connect_provider" "ci" {
  count = length(local.subjects) > 0 && var.ci.provider_arn == null ? 1 : 0

  url            = var.ci.issuer
  client_id_list = [var.ci.audience]
  tags           = local.tags
}

# The deployer finds the cluster and is its administrator inside; it can neither delete it nor see anything else.
# The planner reads, for plans on pull requests.
resource "aws_iam_role" "ci" {
  for_each = local.subjects

  name = "${var.name}-${each.key}"
  tags = local.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = local.provider_arn }
      Condition = { StringEquals = {
        "${local.issuer_of_ci}:aud" = var.ci.audience
        "${local.issuer_of_ci}:sub" = each.value
      } }
    }]
  })
}

locals {
  may_deploy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["eks:DescribeCluster"], Resource = aws_eks_cluster.this.arn }]
  })
  deployers = merge(
    { for who, role in aws_iam_role.ci : "oidc" => role.arn if who == "deployer" },
    { for user in aws_iam_user.deployer : "key" => user.arn },
  )
}

resource "aws_iam_role_policy" "deployer" {
  count = contains(keys(local.subjects), "deployer") ? 1 : 0

  name   = "deployer"
  role   = aws_iam_role.ci["deployer"].id
  policy = local.may_deploy
}

resource "aws_eks_access_entry" "deployer" {
  for_each = local.deployers

  cluster_name  = aws_eks_cluster.this.name
  principal_arn = each.value
  tags          = local.tags
}

resource "aws_eks_access_policy_association" "deployer" {
  for_each = local.deployers

  cluster_name  = aws_eks_cluster.this.name
  principal_arn = each.value
  policy_arn    = "${local.arn}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"

  access_scope {
    type = "cluster"
  }

  depends_on = [aws_eks_access_entry.deployer]
}

# It may look at how things are set up, but not into buckets: of these only the state is read.
resource "aws_iam_role_policy_attachment" "planner" {
  for_each = toset(contains(keys(local.subjects), "planner") ? ["SecurityAudit", "job-function/ViewOnlyAccess"] : [])

  role       = aws_iam_role.ci["planner"].name
  policy_arn = "${local.arn}:iam::aws:policy/${each.value}"
}

# What those two leave out of what a plan of this module asks.
resource "aws_iam_role_policy" "planner" {
  count = contains(keys(local.subjects), "planner") ? 1 : 0

  name = "plans"
  role = aws_iam_role.ci["planner"].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Effect = "Allow"
      Action = [
        "budgets:Describe*", "budgets:ListTagsForResource", "budgets:ViewBudget",
        "dlm:Get*", "dlm:ListTagsForResource",
        "ec2:Describe*",
        "ecr:DescribeRepositories", "ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy", "ecr:ListTagsForResource",
        "eks:Describe*", "eks:List*",
        "elasticfilesystem:Describe*", "elasticfilesystem:ListTagsForResource",
        "iam:Get*", "iam:List*",
        "logs:Describe*", "logs:ListTagsForResource", "logs:ListTagsLogGroup",
      ]
      Resource = "*"
      }], length(local.buckets) == 0 ? [] : [{
      # How buckets are set up, and what they are called; not one word of what is in them.
      Effect = "Allow"
      Action = [
        "s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration",
        "s3:GetReplicationConfiguration", "s3:ListBucket", "s3:ListTagsForResource",
      ]
      Resource = [for bucket in local.buckets : "${local.arn}:s3:::${bucket.name}"]
    }])
  })
}

resource "aws_iam_role_policy" "planner_state" {
  count = contains(keys(local.subjects), "planner") && var.ci.state_bucket != null ? 1 : 0

  name = "state"
  role = aws_iam_role.ci["planner"].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = "${local.arn}:s3:::${var.ci.state_bucket}" },
      { Effect = "Allow", Action = ["s3:GetObject"], Resource = "${local.arn}:s3:::${var.ci.state_bucket}/clusters/${var.name}/*" },
    ]
  })
}

resource "aws_iam_user" "deployer" {
  count = var.ci.key ? 1 : 0

  name = "${var.name}-deployer"
  tags = local.tags
}

resource "aws_iam_user_policy" "deployer" {
  count = var.ci.key ? 1 : 0

  name   = "deployer"
  user   = aws_iam_user.deployer[0].name
  policy = local.may_deploy
}

resource "aws_iam_access_key" "deployer" {
  count = var.ci.key ? 1 : 0

  user = aws_iam_user.deployer[0].name
}
