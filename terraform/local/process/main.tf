# One process. Another command is another process, in place of the first.

resource "terraform_data" "process" {
  triggers_replace = {
    dir      = var.dir
    name     = var.name
    command  = join("\n", var.command)
    config   = var.config
    ready    = var.ready
    patience = var.patience
  }

  provisioner "local-exec" {
    command = "\"${path.module}/process\" start \"$DIR\" \"$NAME\" \"$READY\""
    environment = {
      DIR     = self.triggers_replace.dir
      NAME    = self.triggers_replace.name
      READY   = self.triggers_replace.ready
      COMMAND = self.triggers_replace.command
      CONFIG  = self.triggers_replace.config
    }
  }
  provisioner "local-exec" {
    when    = destroy
    command = "\"${path.module}/process\" stop \"$DIR\" \"$NAME\" \"$PATIENCE\""
    environment = {
      DIR      = self.triggers_replace.dir
      NAME     = self.triggers_replace.name
      PATIENCE = self.triggers_replace.patience
    }
  }
}
