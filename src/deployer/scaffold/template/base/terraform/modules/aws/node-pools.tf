resource "aws_iam_role" "nodes" {
  name = "${var.name}-nodes"
  tags = local.tags
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "nodes" {
  for_each = toset(["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"])

  role       = aws_iam_role.nodes.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/${each.value}"
}

locals {
  disks_of_nodes = merge(
    { core = { gb = var.core_nodes.disk_gb, type = "gp3" } },
    { for name, pool in var.node_pools : name => { gb = pool.disk_gb, type = pool.disk_type } },
  )
  pool_labels = { for name, pool in var.node_pools : name => merge(
    { (local.label_of[pool.purpose]) = pool.purpose, "node-pool" = name }, pool.labels,
  ) }
  pool_taints = { for name, pool in var.node_pools : name => concat(
    [{ key = local.taint_of[pool.purpose], value = pool.purpose, effect = "NO_SCHEDULE" }],
    pool.gpu ? [{ key = "nvidia.com/gpu", value = "present", effect = "NO_SCHEDULE" }] : [],
  ) }
  images = { x86_64 = "AL2023_x86_64_STANDARD", arm64 = "AL2023_ARM_64_STANDARD", gpu = "AL2023_x86_64_NVIDIA" }
}

resource "aws_launch_template" "nodes" {
  for_each = local.disks_of_nodes

  name_prefix = "${var.name}-${each.key}-"
  tags        = local.tags

  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size           = each.value.gb
      volume_type           = each.value.type
      encrypted             = true
      delete_on_termination = true
    }
  }

  # One hop: a pod does not reach the node's credentials.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  tag_specifications {
    resource_type = "instance"
    tags          = merge(local.tags, { Name = "${var.name}-${each.key}", "node-pool" = each.key })
  }
  tag_specifications {
    resource_type = "volume"
    tags          = merge(local.tags, { "node-pool" = each.key })
  }
}

resource "aws_eks_node_group" "core" {
  cluster_name    = aws_eks_cluster.this.name
  node_group_name = "core"
  node_role_arn   = aws_iam_role.nodes.arn
  # A hub's database is a disk of one zone, so its node is there, too.
  subnet_ids     = [aws_subnet.private[var.zones[0]].id]
  instance_types = [var.core_nodes.machine_type]
  ami_type       = local.images.x86_64
  version        = var.kubernetes.version
  labels         = { "hub.jupyter.org/node-purpose" = "core" }
  tags           = local.tags

  scaling_config {
    min_size     = var.core_nodes.min
    max_size     = var.core_nodes.max
    desired_size = var.core_nodes.min
  }
  update_config {
    max_unavailable = 1
  }
  launch_template {
    id      = aws_launch_template.nodes["core"].id
    version = aws_launch_template.nodes["core"].latest_version
  }

  lifecycle {
    ignore_changes = [scaling_config[0].desired_size]
  }

  depends_on = [aws_eks_addon.before_nodes, aws_iam_role_policy_attachment.nodes]
}

resource "aws_eks_node_group" "users" {
  for_each = var.node_pools

  cluster_name    = aws_eks_cluster.this.name
  node_group_name = each.key
  node_role_arn   = aws_iam_role.nodes.arn
  subnet_ids      = [for zone in coalesce(each.value.zones, [var.zones[0]]) : aws_subnet.private[zone].id]
  instance_types  = [each.value.machine_type]
  ami_type        = local.images[each.value.gpu ? "gpu" : each.value.arch]
  capacity_type   = each.value.spot ? "SPOT" : "ON_DEMAND"
  version         = var.kubernetes.version
  labels          = local.pool_labels[each.key]
  tags            = merge(local.tags, { "node-pool" = each.key })

  dynamic "taint" {
    for_each = local.pool_taints[each.key]
    content {
      key    = taint.value.key
      value  = taint.value.value
      effect = taint.value.effect
    }
  }
  scaling_config {
    min_size     = each.value.min
    max_size     = each.value.max
    desired_size = each.value.min
  }
  update_config {
    max_unavailable = 1
  }
  launch_template {
    id      = aws_launch_template.nodes[each.key].id
    version = aws_launch_template.nodes[each.key].latest_version
  }

  # The autoscaler's business from then on.
  lifecycle {
    ignore_changes = [scaling_config[0].desired_size]
  }

  depends_on = [aws_eks_addon.before_nodes, aws_iam_role_policy_attachment.nodes]
}
