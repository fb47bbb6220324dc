provider "azurerm" {
  subscription_id = var.subscription_id
  # Storage accounts here have no keys: one comes as oneself.
  storage_use_azuread = true
  # No set of the provider's own, and of these what is missing, at the first plan: by who may, so not by a planner.
  resource_provider_registrations = "none"
  resource_providers_to_register = [
    "Microsoft.Compute",
    "Microsoft.Consumption",
    "Microsoft.ContainerRegistry",
    "Microsoft.ContainerService",
    "Microsoft.DataProtection",
    "Microsoft.Insights",
    "Microsoft.ManagedIdentity",
    "Microsoft.Network",
    "Microsoft.OperationalInsights",
    "Microsoft.Storage",
  ]

  features {
    resource_group {
      prevent_deletion_if_contains_resources = true
    }
  }
}
