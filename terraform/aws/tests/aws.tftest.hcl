mock_provider "aws" {
  source = "../mocks"
}

# A mock of this version of terraform knows no ephemeral resources: whoever runs this
# puts a stand-in in the place of modules/secrets, as terraform/check does.
variables {
  region         = "eu-central-1"
  identity_files = {} # terraform test wants each ephemeral variable to be set
}

run "everything_is_there" {
  assert {
    condition     = length(module.redis) == 1 && length(module.zookeeper) == 0
    error_message = "want a store, and ZooKeeper only if it is asked for"
  }
  assert {
    condition     = output.route_url == "https://route.example"
    error_message = "the route's URL is ${output.route_url}"
  }
}

run "an_existing_store_takes_the_place_of_ours" {
  variables {
    existing_redis   = { url = "redis://redis.example:6379", security_group_id = "sg-9" }
    alarm_topic_arns = null
    zookeeper        = { archive = "main.tf" } # any file will do
  }
  assert {
    condition     = length(module.redis) == 0 && aws_vpc_security_group_ingress_rule.existing_redis[0].security_group_id == "sg-9"
    error_message = "the existing store is not opened for the route, or another one is made"
  }
  assert {
    condition     = length(module.zookeeper) == 1
    error_message = "want ZooKeeper"
  }
}

run "an_existing_network_takes_the_place_of_ours" {
  variables {
    existing_network = {
      vpc_id             = "vpc-9"
      public_subnet_ids  = ["subnet-1", "subnet-2"]
      private_subnet_ids = ["subnet-8", "subnet-9"]
    }
  }
  assert {
    condition     = length(module.network) == 0
    error_message = "another network is made"
  }
}

run "nodes_and_the_route_agree_on_the_internal_port" {
  variables { nodes = { internal_port = 9081 } }
  assert {
    condition     = endswith(module.node.members, ":9081")
    error_message = "the route learns the members from ${module.node.members}"
  }
}

run "tokens_of_another_system_come_with_their_keys" {
  variables {
    auth   = "jwt"
    jwt    = { issuer = "https://login.example", audience = "chat", key_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:jwt" }
    limits = "messages = 50/s"
  }
  assert {
    condition     = output.route_url == "https://route.example"
    error_message = "the route's URL is ${output.route_url}"
  }
}

run "a_url_of_keys_needs_a_way_out" {
  command = plan
  variables {
    auth = "jwt"
    jwt  = { issuer = "https://login.example", audience = "chat", jwks_url = "https://login.example/jwks.json" }
  }
  expect_failures = [var.jwt]
}

run "a_network_of_ones_own_may_have_a_way_out" {
  command = plan
  variables {
    auth = "jwt"
    jwt  = { issuer = "https://login.example", audience = "chat", jwks_url = "https://login.example/jwks.json" }
    existing_network = {
      vpc_id             = "vpc-9"
      public_subnet_ids  = ["subnet-1", "subnet-2"]
      private_subnet_ids = ["subnet-8", "subnet-9"]
    }
  }
}

run "each_process_gets_its_own_key" {
  variables {
    nodes          = { min = 1, max = 2 }
    identities     = { nodes = ["node-1", "node-2", "node-3"], route = "route-1" }
    identity_files = { node-1 = "a", node-2 = "b", node-3 = "c", route-1 = "d" }
  }
  assert {
    condition     = length(module.secrets.node_identity_arns) == 3 && endswith(module.secrets.route_identity_arn, "identity/route-1")
    error_message = "want a secret for each node and one for the routes"
  }
}

run "fewer_keys_than_nodes_are_refused" {
  command = plan
  variables {
    nodes      = { min = 1, max = 3 }
    identities = { nodes = ["node-1", "node-2", "node-3"], route = "route-1" }
  }
  expect_failures = [var.identities]
}
