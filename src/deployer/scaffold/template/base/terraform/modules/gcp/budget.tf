data "google_project" "this" {
  count = var.budget == null ? 0 : 1

  project_id = var.project
}

resource "google_monitoring_notification_channel" "budget" {
  for_each = toset(var.budget == null ? [] : var.budget.emails)

  project      = var.project
  display_name = "Budget of ${var.name}: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }

  depends_on = [google_project_service.this]
}

# Alerts only: nothing stops where a budget is spent.
resource "google_billing_budget" "this" {
  count = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = var.name

  amount {
    specified_amount {
      currency_code = var.budget.currency
      units         = tostring(floor(var.budget.amount))
    }
  }

  budget_filter {
    projects = ["projects/${data.google_project.this[0].number}"]
  }

  dynamic "threshold_rules" {
    for_each = toset(var.budget.thresholds)
    content {
      threshold_percent = threshold_rules.value
    }
  }

  all_updates_rule {
    monitoring_notification_channels = [for channel in google_monitoring_notification_channel.budget : channel.id]
    disable_default_iam_recipients   = length(var.budget.emails) > 0
  }

  depends_on = [google_project_service.this]
}
