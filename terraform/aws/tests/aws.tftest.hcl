mock_provider "aws" {
  source = "../mocks"
}

# A mock of this version of terraform knows no ephemeral resources: whoever runs this
# puts a stand-in in the place of modules/secrets, as terraform/check does.
variables {
  region = "eu-central-1"
  tls    = { domain = "chat.example", zone_id = "Z1", secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:tls" }
  # terraform test wants each ephemeral variable to be set.
  identity_files    = {}
  certificate_files = { certificate = "public", key = "not to be seen" }
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
  assert {
    condition     = alltrue([for u in values(output.urls) : can(regex("^(https|wss|rediss)://", u))])
    error_message = "somebody calls without TLS: ${jsonencode(output.urls)}"
  }
  assert {
    condition     = module.node.members == "https://cim-seed.chat.example:8081"
    error_message = "the route learns the members from ${module.node.members}"
  }
}

run "without_a_certificate_nothing_is_made" {
  command = plan
  variables { tls = null }
  expect_failures = [var.tls]
}

run "an_experiment_says_that_it_is_one" {
  variables {
    tls       = null
    plaintext = true
  }
  assert {
    condition     = output.urls.clients_to_nodes == "ws://*:11211/ws" && startswith(output.urls.clients_to_routes, "https://") && startswith(output.urls.routes_to_store, "rediss://")
    error_message = "want no TLS at nodes, and TLS elsewhere: ${jsonencode(output.urls)}"
  }
  expect_failures = [check.tls]
}

run "the_certificate_may_come_from_files" {
  variables {
    tls = { domain = "chat.example", zone_id = "Z1" }
  }
  assert {
    condition     = endswith(module.secrets.certificate_arn, "/certificate") && startswith(output.urls.clients_to_nodes, "wss://*.chat.example:")
    error_message = "no secret is made of the files, or nodes do without it"
  }
}

run "an_existing_store_takes_the_place_of_ours" {
  variables {
    existing_redis   = { url = "rediss://redis.example:6379", security_group_id = "sg-9" }
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

run "an_existing_store_without_tls_is_refused" {
  command = plan
  variables { existing_redis = { url = "redis://redis.example:6379", security_group_id = "sg-9" } }
  expect_failures = [var.existing_redis]
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
    identities     = { nodes = ["node-1", "node-2", "node-3"], route = "route-1" }
    identity_files = { node-1 = "a", node-2 = "b", node-3 = "c", route-1 = "d" }
  }
  assert {
    condition     = length(module.secrets.node_identity_arns) == 3 && endswith(module.secrets.route_identity_arn, "identity/route-1")
    error_message = "want a secret for each node and one for the routes"
  }
  assert {
    condition     = jsonencode(output.autoscaling_group_names) == jsonencode(["cim-node-1", "cim-node-2", "cim-node-3"])
    error_message = "want a group for each id, found ${jsonencode(output.autoscaling_group_names)}"
  }
}
