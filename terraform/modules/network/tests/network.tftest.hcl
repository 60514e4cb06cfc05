mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name  = "test"
  zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
}

run "each_zone_has_a_public_and_a_private_subnet_of_its_own" {
  assert {
    condition     = length(aws_subnet.public) == 3 && length(aws_subnet.private) == 3
    error_message = "want three of each"
  }
  assert {
    condition     = length(distinct(concat(values(aws_subnet.public)[*].cidr_block, values(aws_subnet.private)[*].cidr_block))) == 6
    error_message = "subnets overlap"
  }
  assert {
    condition     = aws_subnet.public["eu-central-1a"].cidr_block == "10.42.0.0/20" && aws_subnet.private["eu-central-1a"].cidr_block == "10.42.128.0/20"
    error_message = "the subnets are not where they were: existing networks would be replaced"
  }
  assert {
    condition     = !contains([for a in aws_route_table_association.private : a.route_table_id], aws_route.internet.route_table_id)
    error_message = "a private subnet has a way to the internet"
  }
}

run "one_zone_is_refused" {
  command = plan
  variables { zones = ["eu-central-1a"] }
  expect_failures = [var.zones]
}

run "a_range_that_is_none_is_refused" {
  command = plan
  variables { cidr = "10.42.0.0/24" }
  expect_failures = [var.cidr]
}
