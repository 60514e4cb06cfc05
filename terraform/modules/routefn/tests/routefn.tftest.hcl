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

run "what_is_kept_is_told_to_the_function" {
  variables { retention = { days = 3 } }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables["CIM_KEEP_DAYS"] == "3" && aws_lambda_function.this.environment[0].variables["CIM_KEEP_COUNT"] == "10000"
    error_message = "logs are kept for another time than was asked for"
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
