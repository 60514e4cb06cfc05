mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name       = "test"
  vpc_id     = "vpc-1"
  subnet_ids = ["subnet-1", "subnet-2"]
  clients    = { nodes = "sg-1" }
  ami        = "ami-1"
  archive = {
    bucket = "artifacts"
    key    = "zookeeper.tar.gz"
    sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
  }
}

run "three_servers_know_each_other" {
  assert {
    condition     = length(aws_instance.this) == 3 && length(split(",", output.servers)) == 3
    error_message = "want three servers"
  }
  assert {
    condition     = length(distinct(values(aws_instance.this)[*].user_data)) == 3
    error_message = "each has a number of its own"
  }
  assert {
    condition     = alltrue([for i in aws_instance.this : length(regexall("server\\.\\d+=.*:2888:3888", i.user_data)) == 3])
    error_message = "each must know all three"
  }
}

run "two_servers_are_refused" {
  command = plan
  variables { servers = 2 }
  expect_failures = [var.servers]
}
