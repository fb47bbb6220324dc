locals {
  buckets = merge([for hub, it in var.hubs : { for key, bucket in it.buckets : "${hub}/${key}" => merge(bucket, {
    hub  = hub
    name = coalesce(bucket.name, "${var.name}-${hub}-${key}-${data.aws_caller_identity.this.account_id}")
  }) }]...)
}

resource "aws_s3_bucket" "hubs" {
  for_each = local.buckets

  bucket        = each.value.name
  force_destroy = false
  tags          = merge(local.tags, { hub = each.value.hub })

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_public_access_block" "hubs" {
  for_each = local.buckets

  bucket                  = aws_s3_bucket.hubs[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "hubs" {
  for_each = local.buckets

  bucket = aws_s3_bucket.hubs[each.key].id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "hubs" {
  for_each = { for key, bucket in local.buckets : key => bucket if bucket.versioning }

  bucket = aws_s3_bucket.hubs[each.key].id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "hubs" {
  for_each = local.buckets

  bucket = aws_s3_bucket.hubs[each.key].id

  # Parts of uploads that never ended, and old versions.
  rule {
    id     = "left-overs"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }

  dynamic "rule" {
    for_each = each.value.delete_after_days == null ? [] : [each.value.delete_after_days]
    content {
      id     = "scratch"
      status = "Enabled"
      filter {}
      expiration {
        days = rule.value
      }
    }
  }

  dynamic "rule" {
    for_each = each.value.archive_days == null ? [] : [each.value.archive_days]
    content {
      id     = "archive"
      status = "Enabled"
      filter {}
      transition {
        days          = rule.value
        storage_class = "GLACIER_IR"
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.hubs]
}
