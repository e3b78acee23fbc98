package harbor

import (
	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/krm"
)

// Variables of the ui: the address of the session store (Harbor v1.2.0,
// src/ui/main.go) and the one that brings the password from a Secret.
const (
	RedisURL      = "_REDIS_URL"
	RedisPassword = "REDIS_PASSWORD"
)

// SetRedis gives the component RedisURL with this value, which refers to the
// password as $(REDIS_PASSWORD), and RedisPassword from a Secret, in the order
// that they need: only variables that come before can be referred to.
func (c Component) SetRedis(list *framework.ResourceList, url, secretName, secretKey string) error {
	source := c.EnvSource(list, RedisURL)
	if err := c.SetSecretVariable(list, RedisPassword, secretName, secretKey); err != nil {
		return err
	}
	if at, ok := c.Env(RedisURL); ok {
		if password, _ := c.Env(RedisPassword); at[len(at)-1].(int) < password[len(password)-1].(int) {
			c.RemoveEnv(list, RedisURL)
		}
	}
	if err := c.SetEnv(list, krm.Map("name", RedisURL, "value", url)); err != nil {
		return err
	}
	c.DropKey(list, source)
	return nil
}
