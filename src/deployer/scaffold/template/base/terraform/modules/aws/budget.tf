# Alerts only: nothing stops where a budget is spent.
resource "aws_budgets_budget" "this" {
  count = var.budget == null ? 0 : 1

  name         = var.name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.budget.amount)
  limit_unit   = "USD"
  tags         = local.tags

  dynamic "notification" {
    for_each = toset(var.budget.thresholds)
    content {
      comparison_operator        = "GREATER_THAN"
      notification_type          = "ACTUAL"
      threshold                  = notification.value
      threshold_type             = "PERCENTAGE"
      subscriber_email_addresses = var.budget.emails
    }
  }
}
