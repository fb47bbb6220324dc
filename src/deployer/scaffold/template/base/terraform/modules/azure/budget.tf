# Alerts only: nothing stops where a budget is spent. The nodes are in a group that Azure makes for them.
resource "azurerm_consumption_budget_subscription" "this" {
  count = var.budget == null ? 0 : 1

  name            = var.name
  subscription_id = "/subscriptions/${var.subscription_id}"
  amount          = var.budget.amount
  time_grain      = "Monthly"

  time_period {
    start_date = "${var.budget.start}T00:00:00Z"
  }

  filter {
    dimension {
      name   = "ResourceGroupName"
      values = [azurerm_resource_group.this.name, "${var.name}-nodes", "${var.name}-snapshots"]
    }
  }

  dynamic "notification" {
    for_each = toset(var.budget.thresholds)
    content {
      operator       = "GreaterThan"
      threshold      = notification.value
      threshold_type = "Actual"
      contact_emails = var.budget.emails
    }
  }
}
