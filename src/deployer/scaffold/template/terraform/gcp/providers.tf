provider "google" {
  project = var.project
  region  = var.region
  # Budgets are asked for in the name of this project.
  user_project_override = true
  billing_project       = var.project
}
