# Only a store, with its network and its secrets: for routes that run elsewhere in it.

provider "aws" {
  region = "eu-central-1"
}

module "secrets" {
  source = "../../modules/secrets"
  name   = "store"
}

module "network" {
  source = "../../modules/network"
  name   = "store"
  zones  = ["eu-central-1a", "eu-central-1b"]
}

resource "aws_security_group" "routes" {
  name        = "store-routes"
  description = "Whoever may connect to the store"
  vpc_id      = module.network.vpc_id
}

module "redis" {
  source     = "../../modules/redis"
  name       = "store"
  vpc_id     = module.network.vpc_id
  subnet_ids = module.network.private_subnet_ids
  clients    = { routes = aws_security_group.routes.id }
  password   = module.secrets.redis_password
}
