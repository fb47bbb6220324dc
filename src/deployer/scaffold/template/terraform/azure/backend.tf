# Where the state is: a storage account that only you and your CI may read, for it holds what Terraform knows, secrets
# among it. Azure encrypts it, and locks it while somebody works; give the account versions.
terraform {
  backend "azurerm" {
    storage_account_name = "@state_bucket@"
    container_name       = "terraform"
    key                  = "clusters/@name@.tfstate"
    use_azuread_auth     = true
  }
}
