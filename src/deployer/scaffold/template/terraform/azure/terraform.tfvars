# What is different in this cluster; variables.tf tells of each what it means, and what it is where nothing is said.
name                   = "@name@"
subscription_id        = "@subscription@"
tenant_id              = "@tenant@"
region                 = "@region@"
storage_account_suffix = "@suffix@"

# GitHub's runners have no fixed addresses. Who comes by must still log in; name your networks where you can.
api_access = { anywhere = "0.0.0.0/0" }

# Nodes for users: none while nobody works. Charts find them by their labels.
node_pools = {
  user = { machine_type = "Standard_E4s_v5", max = 20 }
  # gpu  = { machine_type = "Standard_NC4as_T4_v3", gpu = true, max = 4 }
  # dask = { machine_type = "Standard_E16s_v5", purpose = "worker", spot = true, max = 50 }
}

# A disk for an NFS server in the cluster costs less per gigabyte: homes = { kind = "disk", gb = 200 }
home_storage = {
  homes = { kind = "files", gb = 256 }
}

# Buckets and identities of each hub. scratch forgets; user is the role of users' servers.
hubs = {
  # staging = {
  #   buckets = { scratch = { delete_after_days = 7 } }
  #   # Storage of yours elsewhere, by its id; without grant its owner lets the identity in.
  #   roles   = { user = { write = ["scratch"], read = ["/subscriptions/…/containers/shared"], grant = true } }
  # }
}

# Object ids of the people or groups who administer the cluster: az ad signed-in-user show --query id
admins = []

# Who may deploy, and who may plan.
ci = {
  state_account_id = "/subscriptions/@subscription@/resourceGroups/@state_group@/providers/Microsoft.Storage/storageAccounts/@state_bucket@"
  deploy_subjects  = @deploy_subjects@
  plan_subjects    = @plan_subjects@
}

# budget = { amount = 500, start = "@month@-01", emails = ["you@example.org"] }
