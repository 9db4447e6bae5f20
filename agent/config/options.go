// SPDX-License-Identifier: Apache-2.0

package config

// An option is one thing an agent can be told, under its names in both files.
type option struct {
	yaml string // path in agent.yaml: rabbitmq.virtualHost
	ini  string // section.key in agent.conf: rabbitmq.virtual_host; empty when it has none there
	// at points to the field of c: *string, *bool, *int, *Bytes, *time.Duration or *[]string.
	at func(c *Config) any
	// secret values are never part of a message.
	secret bool
}

// options is the table of all of them, in the order the writers keep.
func options() []option {
	return []option{
		{yaml: "storage", ini: "DEFAULT.storage", at: func(c *Config) any { return &c.Storage }},
		{yaml: "group", at: func(c *Config) any { return &c.Group }},
		{yaml: "inputQueue", ini: "rabbitmq.input_queue", at: func(c *Config) any { return &c.InputQueue }},
		{yaml: "resultExchange", ini: "rabbitmq.result_exchange", at: func(c *Config) any { return &c.ResultExchange }},
		{yaml: "resultRoutingKey", ini: "rabbitmq.result_routing_key", at: func(c *Config) any { return &c.ResultRoutingKey }},
		{yaml: "enableDynamicResultQueue", ini: "DEFAULT.enable_dynamic_result_queue", at: func(c *Config) any { return &c.EnableDynamicResultQueue }},
		{yaml: "eventsExchange", ini: "rabbitmq.events_exchange", at: func(c *Config) any { return &c.EventsExchange }},
		{yaml: "eventsRoutingKey", ini: "rabbitmq.events_routing_key", at: func(c *Config) any { return &c.EventsRoutingKey }},
		{yaml: "heartbeat", at: func(c *Config) any { return &c.Heartbeat }},
		{yaml: "maxFormatVersion", ini: "DEFAULT.max_format_version", at: func(c *Config) any { return &c.MaxFormatVersion }},
		{yaml: "engineKey", ini: "DEFAULT.engine_key", at: func(c *Config) any { return &c.EngineKey }},
		{yaml: "stopTimeout", at: func(c *Config) any { return &c.StopTimeout }},

		{yaml: "rabbitmq.hosts", ini: "rabbitmq.host", at: func(c *Config) any { return &c.RabbitMQ.Hosts }},
		{yaml: "rabbitmq.port", ini: "rabbitmq.port", at: func(c *Config) any { return &c.RabbitMQ.Port }},
		{yaml: "rabbitmq.login", ini: "rabbitmq.login", at: func(c *Config) any { return &c.RabbitMQ.Login }},
		{yaml: "rabbitmq.password", ini: "rabbitmq.password", at: func(c *Config) any { return &c.RabbitMQ.Password }, secret: true},
		{yaml: "rabbitmq.virtualHost", ini: "rabbitmq.virtual_host", at: func(c *Config) any { return &c.RabbitMQ.VirtualHost }},
		{yaml: "rabbitmq.ssl", ini: "rabbitmq.ssl", at: func(c *Config) any { return &c.RabbitMQ.SSL }},
		{yaml: "rabbitmq.caCerts", ini: "rabbitmq.ca_certs", at: func(c *Config) any { return &c.RabbitMQ.CACerts }},
		{yaml: "rabbitmq.serverName", at: func(c *Config) any { return &c.RabbitMQ.ServerName }},
		{yaml: "rabbitmq.insecure", ini: "rabbitmq.insecure", at: func(c *Config) any { return &c.RabbitMQ.Insecure }},
		{yaml: "rabbitmq.heartbeat", at: func(c *Config) any { return &c.RabbitMQ.Heartbeat }},

		{yaml: "log.file", ini: "DEFAULT.log_file", at: func(c *Config) any { return &c.Log.File }},
		{yaml: "log.format", at: func(c *Config) any { return &c.Log.Format }},
		{yaml: "log.debug", ini: "DEFAULT.debug", at: func(c *Config) any { return &c.Log.Debug }},
		{yaml: "log.maxSize", at: func(c *Config) any { return &c.Log.MaxSize }},

		{yaml: "fetch.connectTimeout", at: func(c *Config) any { return &c.Fetch.ConnectTimeout }},
		{yaml: "fetch.stallTimeout", at: func(c *Config) any { return &c.Fetch.StallTimeout }},
		{yaml: "fetch.timeout", at: func(c *Config) any { return &c.Fetch.Timeout }},
		{yaml: "fetch.maxSize", at: func(c *Config) any { return &c.Fetch.MaxSize }},
		{yaml: "fetch.proxy", at: func(c *Config) any { return &c.Fetch.Proxy }, secret: true},
		{yaml: "fetch.noProxy", at: func(c *Config) any { return &c.Fetch.NoProxy }},

		{yaml: "history.count", at: func(c *Config) any { return &c.History.Count }},
		{yaml: "history.size", at: func(c *Config) any { return &c.History.Size }},
		{yaml: "history.age", at: func(c *Config) any { return &c.History.Age }},

		{yaml: "script.grace", at: func(c *Config) any { return &c.Script.Grace }},
		{yaml: "script.maxOutput", at: func(c *Config) any { return &c.Script.MaxOutput }},
		{yaml: "script.maxLog", at: func(c *Config) any { return &c.Script.MaxLog }},
		{yaml: "script.scope", at: func(c *Config) any { return &c.Script.Scope }},

		{yaml: "wait.cloudInit", at: func(c *Config) any { return &c.Wait.CloudInit }},
		{yaml: "wait.packageLocks", at: func(c *Config) any { return &c.Wait.PackageLocks }},
	}
}

// silentINI are keys of oslo's that murano-agent or its template has and that
// mean nothing here: no warning, since whoever wrote them did nothing wrong.
func silentINI() map[string]bool {
	return map[string]bool{"DEFAULT.verbose": true, "rabbitmq.ssl_version": true}
}

// Keys are the names of all options in agent.yaml.
func Keys() []string {
	var keys []string
	for _, o := range options() {
		keys = append(keys, o.yaml)
	}
	return keys
}
