mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name               = "test"
  vpc_id             = "vpc-1"
  subnet_ids         = ["subnet-1", "subnet-2"]
  package            = "main.tf" # any file will do
  redis_url          = "rediss://cim@redis.example:6379"
  redis_password_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:redis-password"
  cluster_key_arn    = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:cluster-key"
  route_key_arn      = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:route-key"
  members            = "seed.example:8081"
}

run "the_function_is_told_names_of_secrets" {
  assert {
    condition     = aws_lambda_function.this.environment[0].variables["CIM_REDIS_PASSWORD"] == "secretsmanager:${var.redis_password_arn}"
    error_message = "the password's secret is not named"
  }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables["CIM_RING"] == "seed:seed.example:8081"
    error_message = "the members are learnt elsewhere"
  }
  assert {
    condition     = aws_lambda_function.this.timeout * 1000 < aws_apigatewayv2_integration.this.timeout_milliseconds
    error_message = "the API gives up before the function does"
  }
  assert {
    condition     = length(aws_lambda_provisioned_concurrency_config.live) == 0
    error_message = "warm instances cost money and were not asked for"
  }
}

run "the_function_has_no_identity_unless_asked_for" {
  assert {
    condition     = !contains(keys(aws_lambda_function.this.environment[0].variables), "CIM_IDENTITY")
    error_message = "the function looks for an identity that nobody made"
  }
}

run "the_function_proves_itself_by_its_own_secret" {
  variables { identity_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:identity/route-1" }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables["CIM_IDENTITY"] == "secretsmanager:${var.identity_arn}"
    error_message = "the function's identity is not named"
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.this.policy, "secret:identity/route-1")
    error_message = "the function may not read its identity"
  }
}

run "what_is_kept_is_told_to_the_function" {
  variables { retention = { days = 3 } }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables["CIM_KEEP_DAYS"] == "3" && aws_lambda_function.this.environment[0].variables["CIM_KEEP_COUNT"] == "10000"
    error_message = "logs are kept for another time than was asked for"
  }
}

run "limits_are_the_functions_own_unless_somebody_says_otherwise" {
  assert {
    condition     = !contains(keys(aws_lambda_function.this.environment[0].variables), "CIM_LIMITS")
    error_message = "the function is told limits that nobody asked for"
  }
}

run "limits_go_to_the_function_as_a_word_or_as_text" {
  variables { limits = "off" }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables["CIM_LIMITS"] == "off"
    error_message = "limits are not off"
  }
}

run "limits_may_be_the_text_of_a_file" {
  variables {
    limits = <<-EOT
      # ours
      messages     = 50/s burst 500   # sent by an account

      group-member = 600/min
      group        = off
    EOT
  }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables["CIM_LIMITS"] == "text:${var.limits}"
    error_message = "the text does not come through as it is"
  }
}

run "an_unknown_limit_is_refused" {
  command = plan
  variables { limits = "mesages = 50/s" }
  expect_failures = [var.limits]
}

run "a_rate_that_is_none_is_refused" {
  command = plan
  variables { limits = "messages = 50/s\ngroup = many" }
  expect_failures = [var.limits]
}

run "a_word_that_is_no_mode_of_limits_is_refused" {
  command = plan
  variables { limits = "none" }
  expect_failures = [var.limits]
}

run "tokens_of_another_system_are_verified_by_a_secret" {
  variables {
    auth = "jwt"
    jwt  = { issuer = "https://login.example", audience = "chat", key_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:jwt" }
  }
  assert {
    condition = jsonencode({ for k, v in aws_lambda_function.this.environment[0].variables : k => v if startswith(k, "CIM_JWT") || k == "CIM_AUTH" }) == jsonencode({
      CIM_AUTH         = "jwt"
      CIM_JWT_AUDIENCE = "chat"
      CIM_JWT_ISSUER   = "https://login.example"
      CIM_JWT_KEY      = "secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:jwt"
      CIM_JWT_NAME     = "sub"
    })
    error_message = "the function verifies tokens otherwise"
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.this.policy, "secret:jwt")
    error_message = "the function may not read the keys"
  }
}

run "tokens_of_another_system_are_verified_by_a_url" {
  variables {
    auth = "jwt"
    jwt = {
      issuer        = "https://login.example", audience = "chat", jwks_url = "https://login.example/jwks.json", name = "preferred_username"
      stale_seconds = 600, egress_allow = ["10.0.0.0/8", "192.0.2.7"]
    }
  }
  assert {
    condition = alltrue([for k, v in {
      CIM_JWT_JWKS       = "https://login.example/jwks.json"
      CIM_JWT_JWKS_STALE = "600s"
      CIM_JWT_NAME       = "preferred_username"
      CIM_EGRESS_ALLOW   = "10.0.0.0/8,192.0.2.7"
    } : aws_lambda_function.this.environment[0].variables[k] == v])
    error_message = "the function fetches other keys"
  }
  assert {
    condition     = !contains(keys(aws_lambda_function.this.environment[0].variables), "CIM_JWT_KEY")
    error_message = "the function has keys from two places"
  }
}

run "jwt_without_its_mode_is_refused" {
  command = plan
  variables { jwt = { issuer = "https://login.example", audience = "chat", jwks_url = "https://login.example/jwks.json" } }
  expect_failures = [var.jwt]
}

run "the_mode_without_jwt_is_refused" {
  command = plan
  variables { auth = "jwt" }
  expect_failures = [var.jwt]
}

run "keys_from_two_places_are_refused" {
  command = plan
  variables {
    auth = "jwt"
    jwt = {
      issuer  = "https://login.example", audience = "chat", jwks_url = "https://login.example/jwks.json"
      key_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:jwt"
    }
  }
  expect_failures = [var.jwt]
}

run "keys_in_clear_are_refused" {
  command = plan
  variables {
    auth = "jwt"
    jwt  = { issuer = "https://login.example", audience = "chat", jwks_url = "http://login.example/jwks.json" }
  }
  expect_failures = [var.jwt]
}

run "nodes_may_listen_elsewhere" {
  variables {
    members   = "seed.example:9081"
    node_port = 9081
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.all["nodes"].from_port == 9081
    error_message = "the function does not reach nodes at their port"
  }
}

run "nothing_kept_is_refused" {
  command = plan
  variables { retention = { days = 0 } }
  expect_failures = [var.retention]
}

run "warm_instances_are_of_the_alias" {
  variables { concurrency = { reserved = 100, provisioned = 5 } }
  assert {
    condition     = aws_lambda_provisioned_concurrency_config.live[0].qualifier == "live" && aws_lambda_function.this.reserved_concurrent_executions == 100
    error_message = "want 5 of 100, of the alias"
  }
}

run "a_password_in_the_url_is_refused" {
  command = plan
  variables { redis_url = "rediss://cim:secret@redis.example:6379" }
  expect_failures = [var.redis_url]
}

run "more_warm_than_reserved_is_refused" {
  command = plan
  variables { concurrency = { reserved = 1, provisioned = 5 } }
  expect_failures = [var.concurrency]
}
