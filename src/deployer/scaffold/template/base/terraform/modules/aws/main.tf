terraform {
  required_version = ">= 1.10"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.47"
    }
  }
}

locals {
  tags = merge({ cluster = var.name }, var.tags)

  # The tools of a hub's charts that name these labels: hub.jupyter.org/node-purpose and k8s.dask.org/node-purpose.
  label_of = { user = "hub.jupyter.org/node-purpose", worker = "k8s.dask.org/node-purpose" }
  # The spelling that the charts tolerate on every cloud; Google's refuses a slash.
  taint_of = { user = "hub.jupyter.org_dedicated", worker = "k8s.dask.org_dedicated" }

  nat_zones = var.network.nat_per_zone ? var.zones : slice(var.zones, 0, 1)
}

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

resource "aws_vpc" "this" {
  cidr_block           = var.network.cidr
  enable_dns_hostnames = true
  tags                 = merge(local.tags, { Name = var.name })
}

# The group that everything gets which names none: nothing in, nothing out.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = local.tags
}

# Nodes and their pods: no public address.
resource "aws_subnet" "private" {
  for_each = { for index, zone in var.zones : zone => cidrsubnet(var.network.cidr, 3, index) }

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = merge(local.tags, { Name = "${var.name}-private-${each.key}", "kubernetes.io/role/internal-elb" = "1" })
}

# Load balancers and NAT gateways.
resource "aws_subnet" "public" {
  for_each = { for index, zone in var.zones : zone => cidrsubnet(var.network.cidr, 8, 255 - index) }

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = merge(local.tags, { Name = "${var.name}-public-${each.key}", "kubernetes.io/role/elb" = "1" })
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(local.tags, { Name = var.name })
}

resource "aws_eip" "nat" {
  for_each = toset(local.nat_zones)

  domain = "vpc"
  tags   = merge(local.tags, { Name = "${var.name}-nat-${each.value}" })
}

resource "aws_nat_gateway" "this" {
  for_each = toset(local.nat_zones)

  allocation_id = aws_eip.nat[each.value].id
  subnet_id     = aws_subnet.public[each.value].id
  tags          = merge(local.tags, { Name = "${var.name}-${each.value}" })

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  tags   = merge(local.tags, { Name = "${var.name}-public" })

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table" "private" {
  for_each = toset(var.zones)

  vpc_id = aws_vpc.this.id
  tags   = merge(local.tags, { Name = "${var.name}-private-${each.value}" })

  route {
    cidr_block     = "0.0.0.0/0"
    nat_gateway_id = aws_nat_gateway.this[contains(local.nat_zones, each.value) ? each.value : local.nat_zones[0]].id
  }
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[each.key].id
}

# Data from S3 does not pass the NAT gateway, which is charged by the gigabyte.
resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.private : table.id]
  tags              = merge(local.tags, { Name = "${var.name}-s3" })
}

resource "aws_cloudwatch_log_group" "flow" {
  count = var.network.flow_logs ? 1 : 0

  name              = "/vpc/${var.name}"
  retention_in_days = var.logging.retention_days
  tags              = local.tags
}

resource "aws_iam_role" "flow" {
  count = var.network.flow_logs ? 1 : 0

  name = "${var.name}-flow-logs"
  tags = local.tags
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "vpc-flow-logs.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "flow" {
  count = var.network.flow_logs ? 1 : 0

  name = "logs"
  role = aws_iam_role.flow[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
      Resource = "${aws_cloudwatch_log_group.flow[0].arn}:*"
    }]
  })
}

resource "aws_flow_log" "this" {
  count = var.network.flow_logs ? 1 : 0

  vpc_id          = aws_vpc.this.id
  traffic_type    = "REJECT"
  log_destination = aws_cloudwatch_log_group.flow[0].arn
  iam_role_arn    = aws_iam_role.flow[0].arn
  tags            = local.tags
}

resource "aws_ecr_repository" "images" {
  count = var.registry.enabled ? 1 : 0

  name                 = "${var.name}-images"
  image_tag_mutability = "IMMUTABLE"
  force_delete         = false
  tags                 = local.tags

  image_scanning_configuration {
    scan_on_push = true
  }
  encryption_configuration {
    encryption_type = "AES256"
  }
}

resource "aws_ecr_lifecycle_policy" "images" {
  count = var.registry.enabled ? 1 : 0

  repository = aws_ecr_repository.images[0].name
  policy = jsonencode({ rules = [{
    rulePriority = 1
    description  = "Images without a tag"
    selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = var.registry.untagged_keep_days }
    action       = { type = "expire" }
  }] })
}
