# Where the state is: a bucket that only you and your CI may read, for it holds what Terraform knows, secrets among it.
# It is encrypted, and locked by a file beside it while somebody works; give the bucket versions.
terraform {
  backend "s3" {
    bucket       = "@state_bucket@"
    key          = "clusters/@name@/terraform.tfstate"
    region       = "@region@"
    encrypt      = true
    use_lockfile = true
  }
}
