locals {
  file_systems = { for name, store in var.home_storage : name => store if store.kind == "efs" }
  disks        = { for name, store in var.home_storage : name => store if store.kind == "disk" }
}

resource "aws_efs_file_system" "homes" {
  for_each = local.file_systems

  creation_token  = "${var.name}-${each.key}"
  encrypted       = true
  throughput_mode = "elastic"
  tags            = merge(local.tags, { Name = "${var.name}-${each.key}" })

  # Files that nobody has read for so long cost a fraction, and come back by themselves.
  dynamic "lifecycle_policy" {
    for_each = each.value.ia_after_days == null ? [] : [each.value.ia_after_days]
    content {
      transition_to_ia = "AFTER_${lifecycle_policy.value}_DAYS"
    }
  }
  dynamic "lifecycle_policy" {
    for_each = each.value.ia_after_days == null ? [] : [true]
    content {
      transition_to_primary_storage_class = "AFTER_1_ACCESS"
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_efs_backup_policy" "homes" {
  for_each = local.file_systems

  file_system_id = aws_efs_file_system.homes[each.key].id
  backup_policy {
    status = "ENABLED"
  }
}

resource "aws_security_group" "homes" {
  count = length(local.file_systems) > 0 ? 1 : 0

  name        = "${var.name}-homes"
  description = "NFS from the nodes of ${var.name}"
  vpc_id      = aws_vpc.this.id
  tags        = merge(local.tags, { Name = "${var.name}-homes" })
}

resource "aws_vpc_security_group_ingress_rule" "homes" {
  count = length(local.file_systems) > 0 ? 1 : 0

  security_group_id            = aws_security_group.homes[0].id
  referenced_security_group_id = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  description                  = "NFS from the nodes of ${var.name}"
  ip_protocol                  = "tcp"
  from_port                    = 2049
  to_port                      = 2049
  tags                         = local.tags
}

resource "aws_efs_mount_target" "homes" {
  for_each = { for pair in setproduct(keys(local.file_systems), var.zones) : "${pair[0]}/${pair[1]}" => { name = pair[0], zone = pair[1] } }

  file_system_id  = aws_efs_file_system.homes[each.value.name].id
  subnet_id       = aws_subnet.private[each.value.zone].id
  security_groups = [aws_security_group.homes[0].id]
}

resource "aws_ebs_volume" "homes" {
  for_each = local.disks

  availability_zone = var.zones[0]
  size              = each.value.gb
  type              = each.value.disk_type
  encrypted         = true
  final_snapshot    = true
  tags              = merge(local.tags, { Name = "${var.name}-${each.key}", snapshots = "${var.name}-${each.key}" })

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_iam_role" "snapshots" {
  count = length(local.disks) > 0 ? 1 : 0

  name = "${var.name}-snapshots"
  tags = local.tags
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "dlm.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "snapshots" {
  count = length(local.disks) > 0 ? 1 : 0

  role       = aws_iam_role.snapshots[0].name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/service-role/AWSDataLifecycleManagerServiceRole"
}

resource "aws_dlm_lifecycle_policy" "homes" {
  for_each = local.disks

  description        = "Snapshots of ${var.name} ${each.key}"
  execution_role_arn = aws_iam_role.snapshots[0].arn
  state              = "ENABLED"
  tags               = local.tags

  policy_details {
    resource_types = ["VOLUME"]
    target_tags    = { snapshots = "${var.name}-${each.key}" }
    schedule {
      name      = "daily"
      copy_tags = true
      create_rule {
        interval      = 24
        interval_unit = "HOURS"
        times         = ["02:00"]
      }
      retain_rule {
        count = each.value.retention_days
      }
    }
  }
}
