terraform {
  required_version = ">= 1.10"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 5.2"
    }
  }
}

locals {
  tags = merge({ cluster = var.name }, var.tags)
  # Storage accounts and registries have names of at most 24 letters and digits, unique in all of Azure.
  short = substr(replace(var.name, "-", ""), 0, 12)

  # The tools of a hub's charts that name these labels: hub.jupyter.org/node-purpose and k8s.dask.org/node-purpose.
  label_of = { user = "hub.jupyter.org/node-purpose", worker = "k8s.dask.org/node-purpose" }
  # The spelling that the charts tolerate on every cloud; Google's refuses a slash.
  taint_of = { user = "hub.jupyter.org_dedicated", worker = "k8s.dask.org_dedicated" }
}

resource "azurerm_resource_group" "this" {
  name     = var.name
  location = var.region
  tags     = local.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_virtual_network" "this" {
  name                = var.name
  resource_group_name = azurerm_resource_group.this.name
  location            = var.region
  address_space       = [var.network.nodes]
  tags                = local.tags
}

resource "azurerm_subnet" "nodes" {
  name                            = "nodes"
  resource_group_name             = azurerm_resource_group.this.name
  virtual_network_name            = azurerm_virtual_network.this.name
  address_prefixes                = [var.network.nodes]
  default_outbound_access_enabled = false

  # What goes to storage stays in Azure's network, and storage knows where it comes from.
  service_endpoint {
    service = "Microsoft.Storage"
  }
}

# Nodes have no address of their own: all that leaves the cluster leaves from these.
resource "azurerm_public_ip" "nat" {
  count = var.network.nat_addresses

  name                = "${var.name}-nat-${count.index}"
  resource_group_name = azurerm_resource_group.this.name
  location            = var.region
  allocation_method   = "Static"
  sku                 = "Standard"
  tags                = local.tags
}

resource "azurerm_nat_gateway" "this" {
  name                    = var.name
  resource_group_name     = azurerm_resource_group.this.name
  location                = var.region
  sku_name                = "Standard"
  idle_timeout_in_minutes = 30
  tags                    = local.tags
}

resource "azurerm_nat_gateway_public_ip_association" "this" {
  count = var.network.nat_addresses

  nat_gateway_id       = azurerm_nat_gateway.this.id
  public_ip_address_id = azurerm_public_ip.nat[count.index].id
}

resource "azurerm_subnet_nat_gateway_association" "nodes" {
  subnet_id      = azurerm_subnet.nodes.id
  nat_gateway_id = azurerm_nat_gateway.this.id
}

resource "azurerm_container_registry" "images" {
  count = var.registry.enabled ? 1 : 0

  name                   = "${local.short}images${var.storage_account_suffix}"
  resource_group_name    = azurerm_resource_group.this.name
  location               = var.region
  sku                    = var.registry.sku
  admin_enabled          = false
  anonymous_pull_enabled = false
  tags                   = local.tags
}

resource "azurerm_role_assignment" "pull" {
  count = var.registry.enabled ? 1 : 0

  scope                = azurerm_container_registry.images[0].id
  role_definition_name = "AcrPull"
  principal_id         = azurerm_user_assigned_identity.nodes.principal_id
}
