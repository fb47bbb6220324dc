# Where the state is: a bucket that only you and your CI may read, for it holds what Terraform knows, secrets among it.
# Google encrypts it, keeps its versions and locks it while somebody works.
terraform {
  backend "gcs" {
    bucket = "@state_bucket@"
    prefix = "clusters/@name@"
  }
}
