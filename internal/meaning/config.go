package meaning

import (
	"maps"
	"strings"
)

// override puts the variables over a config file that a program reads before it,
// and takes them out of the environment.
func override(container string, config map[string]any, env map[string]string) {
	switch {
	case container == "jobservice" && config["worker_pool"] != nil:
		// src/jobservice/config/config.go of Harbor
		if u := env["JOB_SERVICE_POOL_REDIS_URL"]; u != "" {
			put(config, u, "worker_pool", "redis_pool", "redis_url")
			delete(env, "JOB_SERVICE_POOL_REDIS_URL")
		}
	case config["storage"] != nil:
		overrideRegistry(config, env)
		// registryctl reads the storage alone (src/registryctl/config/config.go).
		if container == "registryctl" {
			maps.DeleteFunc(config, func(field string, _ any) bool { return field != "storage" })
		}
	}
}

// overrideRegistry does what the registry does with REGISTRY_NAME_OF_FIELD
// (configuration/parser.go of distribution). A variable of an empty value is none,
// and so is a field of Redis that says nothing.
func overrideRegistry(config map[string]any, env map[string]string) {
	for variable, value := range env {
		field := strings.Split(strings.ToLower(variable), "_")
		if field[0] != "registry" || len(field) < 3 || value == "" || variable == "REGISTRY_STORAGE_PROVIDER_NAME" {
			continue
		}
		if top := field[1]; top == "redis" || top == "storage" || top == "http" {
			put(config, value, field[1:]...)
			delete(env, variable)
		}
	}
	redis := mapping(config, "redis")
	for field, value := range redis {
		if value == nil || value == "" || value == false || value == "false" {
			delete(redis, field)
		}
	}
}

// put sets a field, whose name may be written in any case.
func put(config map[string]any, value string, field ...string) {
	key := field[0]
	for k := range config {
		if strings.EqualFold(k, key) {
			key = k
		}
	}
	if len(field) == 1 {
		config[key] = value
		return
	}
	inner, ok := config[key].(map[string]any)
	if !ok {
		inner = map[string]any{}
		config[key] = inner
	}
	put(inner, value, field[1:]...)
}

// inline puts the content of mounted files in place of the paths that a config file
// names: where a key file is does not count.
func inline(config, files map[string]any) {
	for field, value := range config {
		switch value := value.(type) {
		case map[string]any:
			inline(value, files)
		case string:
			if content, ok := files[value].(string); ok {
				config[field] = "file: " + content
				delete(files, value)
			}
		}
	}
}
