variable "node_count" {
  description = "Number of nodes. A further one joins by the gossip address of the first; one too many drains before it ends."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.node_count >= 1 && var.node_count <= 20 && floor(var.node_count) == var.node_count
    error_message = "node_count must be a whole number from 1 to 20."
  }
}

variable "data_dir" {
  description = "Folder for keys, data, logs and process ids. It is made by apply and removed by destroy; it must be empty or absent."
  type        = string
  default     = ".data"
  nullable    = false

  validation {
    condition     = length(trim(var.data_dir, "/ ")) > 0
    error_message = "data_dir must name a folder, and not the root of the file system."
  }
}

variable "bin_dir" {
  description = "Folder with cim-server, cim-route and cim, as `make build` fills it."
  type        = string
  default     = "../../bin"
  nullable    = false

  validation {
    condition     = alltrue([for p in ["cim-server", "cim-route", "cim"] : fileexists("${var.bin_dir}/${p}")])
    error_message = "bin_dir lacks cim-server, cim-route or cim: run make build first."
  }
}

variable "redis" {
  description = "The store: server (starts redis-server, which must be installed) or embedded (in the route's process; nothing survives it)."
  type        = string
  default     = "server"
  nullable    = false

  validation {
    condition     = contains(["server", "embedded"], var.redis)
    error_message = "redis must be server or embedded."
  }
}

variable "zookeeper" {
  description = "Whether to start a ZooKeeper that the nodes mirror themselves into. Needs java and the Debian package zookeeper, or zookeeper_classpath."
  type        = bool
  default     = false
  nullable    = false
}

variable "zookeeper_classpath" {
  description = "Java class path of ZooKeeper."
  type        = string
  default     = "/usr/share/java/zookeeper.jar"
  nullable    = false
}

variable "auth" {
  description = "Mode of accounts: open (whoever says a name is it), password, or jwt (the tokens of a system of yours: see jwt)."
  type        = string
  default     = "open"
  nullable    = false

  validation {
    condition     = contains(["open", "password", "jwt"], var.auth)
    error_message = "auth must be open, password or jwt."
  }
}

variable "jwt" {
  description = "With auth = \"jwt\", how tokens are verified: the issuer and the audience that they must have; the path of a file with the keys (key_file) or the https URL of the keys (jwks_url); the claim that names a new account. null: there are no such tokens."
  type = object({
    issuer   = string
    audience = string
    key_file = optional(string)
    jwks_url = optional(string)
    name     = optional(string, "sub")
  })
  default = null

  validation {
    condition     = (var.jwt != null) == (var.auth == "jwt")
    error_message = "jwt goes with auth = \"jwt\", and auth = \"jwt\" needs it."
  }
  validation {
    condition     = var.jwt == null || try((var.jwt.jwks_url == null) != (var.jwt.key_file == null), false)
    error_message = "jwt needs key_file or jwks_url, and not both."
  }
}

variable "identities" {
  description = "Whether each process has a key and a certificate of its own, as node/KEYS.md has it: made by `cim cluster`, in data_dir."
  type        = bool
  default     = false
  nullable    = false
}

variable "limits" {
  description = "What one account and one address may cost others: off, default, or the path of a file of limits, as routefn/LIMITS.md has it. null: default, or off with auth = \"open\"."
  type        = string
  default     = null

  validation {
    condition     = var.limits == null || contains(["off", "default"], coalesce(var.limits, "off")) || fileexists(coalesce(var.limits, "${path.module}/variables.tf")) # all of it is evaluated, also for null
    error_message = "limits must be off, default, or the path of a file that exists."
  }
}

variable "drain_timeout" {
  description = "Time in seconds that a node may take to give its users to others before those who are left are closed."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.drain_timeout >= 1
    error_message = "drain_timeout must be at least 1 second."
  }
}

variable "ports" {
  description = "TCP ports on 127.0.0.1: of the first node (the others have the following ones; gossip is UDP too), the route, Redis and ZooKeeper. With internal, nodes and operators find the route at that port, and clients do not."
  type = object({
    clients   = optional(number, 11211)
    http      = optional(number, 8081)
    gossip    = optional(number, 7946)
    route     = optional(number, 8083)
    internal  = optional(number)
    redis     = optional(number, 6379)
    zookeeper = optional(number, 2181)
  })
  # The route's default port is CIM's, and so is the nodes': node 3 would meet the route.
  default  = { http = 8181 }
  nullable = false

  validation {
    condition     = alltrue([for p in values(var.ports) : p == null || try(p >= 1 && p <= 65535 - var.node_count, false)])
    error_message = "ports must be between 1 and 65535, with room for node_count above each."
  }
  validation {
    condition = length(distinct(concat(
      [var.ports.route, var.ports.redis, var.ports.zookeeper], var.ports.internal == null ? [] : [var.ports.internal],
      flatten([for p in [var.ports.clients, var.ports.http, var.ports.gossip] : range(p, p + var.node_count)]),
    ))) == (var.ports.internal == null ? 3 : 4) + 3 * var.node_count
    error_message = "ports overlap: each node takes the next port of clients, http and gossip."
  }
}
