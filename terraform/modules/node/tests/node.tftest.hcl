mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name            = "test"
  vpc_id          = "vpc-1"
  subnet_ids      = ["subnet-1", "subnet-2"]
  routes          = { route = "sg-1" }
  route_url       = "https://route.example"
  cluster_key_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:cluster-key"
  ami             = "ami-1"
  artifact = {
    bucket = "artifacts"
    key    = "cim-server.zip"
    sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
  }
}

run "nodes_join_by_the_balancer_and_wait_for_another" {
  assert {
    condition     = strcontains(base64decode(aws_launch_template.this[""].user_data), "join test-seed.elb:7946")
    error_message = "the seed is not the balancer"
  }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.this[""].user_data), "node.conf -expect 2")
    error_message = "three nodes that start at once must wait for each other"
  }
  assert {
    condition     = length(base64decode(aws_launch_template.this[""].user_data)) < 16384
    error_message = "user data is longer than EC2 takes"
  }
  assert {
    condition     = output.members == "test-seed.elb:8081"
    error_message = "routes learn the members from ${output.members}"
  }
}

run "the_group_waits_longer_than_a_drain" {
  variables { drain_timeout = 600 }
  assert {
    condition     = alltrue([for h in aws_autoscaling_group.this[""].initial_lifecycle_hook : h.heartbeat_timeout > 600 && h.lifecycle_transition == "autoscaling:EC2_INSTANCE_TERMINATING"])
    error_message = "the group would end a node that drains"
  }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.this[""].user_data), "drain-timeout 600s") && strcontains(base64decode(aws_launch_template.this[""].user_data), "TimeoutStopSec=615")
    error_message = "systemd would kill a node that drains"
  }
}

run "health_is_liveness" {
  assert {
    condition     = alltrue([for g in aws_lb_target_group.seed : g.health_check[0].path == "/healthz" && g.preserve_client_ip == "false"])
    error_message = "readiness must not decide which nodes live, and a node must reach itself through the balancer"
  }
}

run "one_node_makes_a_cluster_by_itself" {
  variables { size = { min = 1, max = 1 } }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.this[""].user_data), "node.conf -bootstrap")
    error_message = "one node waits for another that never comes"
  }
}

run "under_tls_a_node_has_names_and_takes_nothing_else" {
  variables {
    tls = { domain = "chat.example", zone_id = "Z1", secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:tls" }
  }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.this[""].user_data), "advertise $instance-internal.chat.example\nadvertise-client $instance.chat.example:11211\n")
    error_message = "clients or routes would see an address that no certificate is for"
  }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.this[""].user_data), "internal-tls-key /run/cim/key.pem\ntls-only true\n")
    error_message = "a node takes connections without TLS, or routes call it so"
  }
  assert {
    condition     = output.members == "https://test-seed.chat.example:8081" && aws_route53_record.seed[0].alias[0].name == "test-seed.elb"
    error_message = "routes learn the members from ${output.members}, which is not the balancer under TLS"
  }
  assert {
    condition     = alltrue([for g in aws_lb_target_group.seed : g.health_check[0].protocol == "HTTPS"]) && output.client_url == "wss://*.chat.example:11211/ws"
    error_message = "the balancer asks without TLS, or browsers are told so"
  }
}

run "clients_without_tls_may_be_let_in" {
  variables {
    tls = { domain = "chat.example", zone_id = "Z1", secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:tls", plain_clients = true }
  }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.this[""].user_data), "\ntls-only false\n")
    error_message = "CIM's own clients cannot connect"
  }
}

run "without_tls_a_node_has_addresses" {
  assert {
    condition     = strcontains(base64decode(aws_launch_template.this[""].user_data), "advertise $private\nadvertise-client $public:11211\n") && !strcontains(base64decode(aws_launch_template.this[""].user_data), "tls-")
    error_message = "a node has names, or certificates that nobody gave"
  }
  assert {
    condition     = output.client_url == "ws://*:11211/ws" && length(aws_route53_record.seed) == 0
    error_message = "browsers are told ${output.client_url}"
  }
}

run "a_domain_with_a_star_is_refused" {
  command = plan
  variables {
    tls = { domain = "*.chat.example", zone_id = "Z1", secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:tls" }
  }
  expect_failures = [var.tls]
}

run "a_certificate_that_is_in_no_secret_is_refused" {
  command = plan
  variables {
    tls = { domain = "chat.example", zone_id = "Z1", secret_arn = "-----BEGIN CERTIFICATE-----" }
  }
  expect_failures = [var.tls]
}

run "the_internal_http_has_the_port_that_is_asked_for" {
  variables { internal = { port = 9081, profiles = true } }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.this[""].user_data), "http 0.0.0.0:9081\npprof internal\n")
    error_message = "a node listens elsewhere, or has no profiles"
  }
  assert {
    condition = (aws_lb_target_group.seed["members"].port == 9081 && aws_lb_target_group.seed["gossip"].health_check[0].port == "9081"
      && aws_lb_listener.seed["members"].port == 9081
    && alltrue([for r in aws_vpc_security_group_ingress_rule.routes : r.from_port == 9081 && r.to_port == 9081]))
    error_message = "routes or the balancer come to another port"
  }
  assert {
    condition     = output.members == "test-seed.elb:9081"
    error_message = "routes learn the members from ${output.members}"
  }
}

run "profiles_are_off_unless_asked_for" {
  assert {
    condition     = strcontains(base64decode(aws_launch_template.this[""].user_data), "http 0.0.0.0:8081\npprof off\n")
    error_message = "a node has profiles that nobody asked for"
  }
}

run "the_port_of_clients_is_not_internal" {
  command = plan
  variables { internal = { port = 11211 } }
  expect_failures = [var.internal]
}

run "nodes_know_that_users_are_of_another_system" {
  variables { auth = "jwt" }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.this[""].user_data), "\nauth jwt\n") && !strcontains(base64decode(aws_launch_template.this[""].user_data), "open-to-network")
    error_message = "nodes have another mode of accounts"
  }
}

run "nodes_are_their_instances_unless_they_have_identities" {
  assert {
    condition     = !strcontains(base64decode(aws_launch_template.this[""].user_data), "identity")
    error_message = "nodes look for identities that nobody made"
  }
}

run "each_identity_is_a_node_whose_role_reads_no_other" {
  variables {
    identity_arns = {
      node-1 = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:identity/node-1"
      node-2 = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:identity/node-2"
    }
  }
  assert {
    condition = alltrue([for pair in setproduct(keys(var.identity_arns), keys(var.identity_arns)) :
    (pair[0] == pair[1]) == strcontains(aws_iam_role_policy.this[pair[0]].policy, var.identity_arns[pair[1]])])
    error_message = "a role may read another node's key, or not its own"
  }
  assert {
    condition = alltrue([for id, arn in var.identity_arns :
      strcontains(base64decode(aws_launch_template.this[id].user_data), "secret '${arn}' >/run/cim/identity.pem")
    && strcontains(base64decode(aws_launch_template.this[id].user_data), "\nid ${id}\n")])
    error_message = "a node has another's id, or does not read its key"
  }
  assert {
    condition     = alltrue([for g in aws_autoscaling_group.this : g.min_size == 1 && g.max_size == 1 && length(g.instance_refresh) == 0])
    error_message = "an id has two nodes, or an apply would replace all nodes at the same time"
  }
  assert {
    condition     = toset([for g in aws_autoscaling_group.this : one(g.vpc_zone_identifier)]) == toset(var.subnet_ids)
    error_message = "the nodes are all in one zone"
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.this["node-1"].policy, "autoScalingGroupName/test-node-1\"") && aws_iam_instance_profile.this["node-2"].role == "test-node-node-2"
    error_message = "a role may end another node, or a node has another's role"
  }
  assert {
    condition     = output.autoscaling_group_name == null && length(output.autoscaling_group_names) == 2 && length(aws_autoscaling_policy.cpu) == 0
    error_message = "groups of one follow the CPU time"
  }
}

run "an_only_identity_makes_a_cluster_by_itself" {
  variables { identity_arns = { node-1 = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:identity/node-1" } }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.this["node-1"].user_data), "node.conf -bootstrap")
    error_message = "one node waits for another that never comes"
  }
}

run "an_id_that_is_too_long_for_a_role_is_refused" {
  command = plan
  variables { identity_arns = { a-name-of-thirty-nine-characters-is-1-above = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x" } }
  expect_failures = [var.identity_arns]
}

run "an_id_that_would_break_the_script_is_refused" {
  command = plan
  variables { identity_arns = { "node'1" = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x" } }
  expect_failures = [var.identity_arns]
}

run "nobody_but_clients_comes_from_outside" {
  assert {
    condition     = alltrue([for r in aws_vpc_security_group_ingress_rule.clients : r.from_port == 11211 && r.to_port == 11211])
    error_message = "another port is open"
  }
}

run "a_minimum_above_the_maximum_is_refused" {
  command = plan
  variables { size = { min = 5, max = 3 } }
  expect_failures = [var.size]
}

run "a_drain_longer_than_the_hook_may_wait_is_refused" {
  command = plan
  variables { drain_timeout = 7200 }
  expect_failures = [var.drain_timeout]
}
