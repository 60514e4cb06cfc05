# Only plans: an apply would start processes.

run "nothing_need_be_said" {
  command = plan
  assert {
    condition     = output.route_url == "http://127.0.0.1:8083" && length(output.logs) == 4
    error_message = "want a route and three nodes, found ${jsonencode(output.logs)} at ${output.route_url}"
  }
}

run "a_file_of_limits_may_be_named" {
  command = plan
  variables { limits = "./variables.tf" } # any file will do
}

run "a_file_of_limits_that_is_not_there_is_refused" {
  command = plan
  variables { limits = "./no-such-file" }
  expect_failures = [var.limits]
}
