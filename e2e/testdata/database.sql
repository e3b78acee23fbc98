-- A database in the manner of Harbor 1.2, with the word registry wherever it
-- may stand without meaning the database.
CREATE DATABASE registry CHARACTER SET utf8;
USE registry;

CREATE TABLE permission (
  permission_id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  code char(1),
  comment varchar(60)
);
INSERT INTO permission (code, comment) VALUES ('M', 'registry.manage'), ('R', 'read `registry`.`image`'), ('W', NULL);

CREATE TABLE role (
  role_id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  mask int NOT NULL DEFAULT 0,
  name varchar(20)
);
INSERT INTO role (name) VALUES ('admin'), ('developer'), ('guest');

CREATE TABLE user (
  user_id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  username varchar(255) UNIQUE,
  email varchar(255) UNIQUE,
  password varchar(40) NOT NULL,
  realname varchar(255) NOT NULL COMMENT 'first ''registry.name'' last',
  deleted tinyint(1) NOT NULL DEFAULT 0,
  creation_time timestamp NULL,
  update_time timestamp NULL
);
INSERT INTO user (username, email, password, realname, creation_time, update_time) VALUES
  ('admin', 'admin@example.com', '', 'system admin', '2017-12-08 08:00:00', '2017-12-08 08:00:00'),
  ('registry', 'registry@registry.example.com', 'x', 'Ren\é "the \\ registry" O''Hara', NULL, NULL),
  ('李雷', 'lilei@example.cn', 'x', '镜像仓库 registry.李雷 ü€', NULL, NULL);

CREATE TABLE project (
  project_id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  owner_id int NOT NULL,
  name varchar(41) NOT NULL UNIQUE,
  deleted tinyint(1) NOT NULL DEFAULT 0,
  FOREIGN KEY (owner_id) REFERENCES `registry`.user (user_id)
) COMMENT 'USE `registry`; -- no';
INSERT INTO project (owner_id, name) VALUES (1, 'library'), (2, 'registry'), (3, 'a;b--c#d/*e*/');

CREATE TABLE member (
  project_id int NOT NULL,
  user_id int NOT NULL,
  role int NOT NULL,
  PRIMARY KEY (project_id, user_id),
  FOREIGN KEY (role) REFERENCES role (role_id),
  FOREIGN KEY (project_id) REFERENCES project (project_id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT registry FOREIGN KEY (user_id) REFERENCES user (user_id)
);
INSERT INTO member VALUES (1, 1, 1), (2, 2, 1), (3, 3, 2);

CREATE TABLE project_setting (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  project_id int NOT NULL,
  name varchar(255) NOT NULL,
  value varchar(255) DEFAULT '`registry`.`t`',
  update_time timestamp DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  CONSTRAINT one_value UNIQUE (project_id, name),
  FOREIGN KEY (project_id) REFERENCES project (project_id)
);
INSERT INTO project_setting (project_id, name, update_time) VALUES (1, 'public', '2017-12-08 08:00:00');

CREATE TABLE operation (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  username varchar(255) NOT NULL,
  project_id int NOT NULL,
  repository varchar(256),
  what varchar(20) NOT NULL,
  KEY registry (project_id, what)
);

-- A table, a column, an index and aliases of that name.
CREATE TABLE `registry` (
  `registry` int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  `id` int NOT NULL,
  `name` varchar(255) CHARACTER SET utf8mb4,
  KEY `registry` (`registry`, `id`)
);
INSERT INTO `registry` (`id`, `name`) VALUES (1, 'registry'), (2, '🐳 registry.🐳'), (3, NULL);

CREATE TABLE repository (
  repository_id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(255) NOT NULL UNIQUE,
  project_id int NOT NULL,
  description text,
  pull_count int NOT NULL DEFAULT 0
);
INSERT INTO repository (name, project_id, description) VALUES
  ('library/registry', 1, 'CREATE DATABASE `registry`;\nUSE registry;\r\nDELIMITER ;;\n-- Dump completed\n'),
  ('registry/registry', 2, CONCAT('C:\\registry\\', CHAR(0), CHAR(26), '\t%_\\%\\_', REPEAT('registry.x ''quoted'' \\ ', 2500)));

CREATE TABLE replication_policy (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(256),
  target_id int NOT NULL,
  cron varchar(256)
);
INSERT INTO replication_policy (name, target_id) VALUES ('to registry.example.com', 1);

CREATE TABLE replication_target (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  url varchar(64),
  password varchar(128)
);
INSERT INTO replication_target (url, password) VALUES ('https://registry.example.com/registry', '<enc-v1>''"`\\');

CREATE TABLE replication_job (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  policy_id int NOT NULL,
  repository varchar(256) NOT NULL,
  tags varchar(16384) -- does not fit into utf8mb4
);

CREATE TABLE scan_job (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  digest varbinary(64),
  report blob,
  severity decimal(5,2),
  flags bit(3)
);
INSERT INTO scan_job (digest, report, severity, flags) VALUES
  (UNHEX('7265676973747279002E605C27220A0DFF'), UNHEX(CONCAT('605C2722', REPEAT('005C27FF1A', 3000))), -1.5, b'101'),
  (NULL, '', 1e2, NULL);

CREATE TABLE scan_time (
  namespace varchar(128) NOT NULL PRIMARY KEY,
  last_update timestamp NOT NULL DEFAULT '2017-12-08 08:00:00'
);
INSERT INTO scan_time (namespace) VALUES ('registry');

CREATE TABLE properties (
  k varchar(64) NOT NULL PRIMARY KEY,
  v varchar(128) NOT NULL
);
INSERT INTO properties VALUES ('registry', 'registry'), ('"registry".x', '');

CREATE TABLE schema_version (version varchar(32) NOT NULL) DEFAULT CHARSET = utf8;
INSERT INTO schema_version VALUES ('1.2.0');

-- Rows enough for several buffers.
INSERT INTO operation (username, project_id, repository, what)
  SELECT CONCAT('registry.', seq), 1 + seq % 3, CONCAT('registry/it''s\\', seq), 'pull' FROM seq_1_to_20000;
INSERT INTO replication_job (policy_id, repository, tags)
  SELECT 1, 'library/registry', REPEAT('registry.`x`,', seq % 1000) FROM seq_1_to_300;

CREATE VIEW names AS SELECT u.username AS `registry`, 'registry.x' AS text FROM user u;

DELIMITER $$
CREATE FUNCTION doubled(n int) RETURNS int DETERMINISTIC RETURN 2 * n$$
CREATE PROCEDURE count_operations(who varchar(255)) COMMENT 'registry.count'
BEGIN
  -- registry.operation is counted
  DECLARE registry int DEFAULT 0;
  SELECT doubled(COUNT(*)) INTO registry FROM operation WHERE username = who;
  INSERT INTO properties VALUES ('count', registry) ON DUPLICATE KEY UPDATE v = registry;
  SELECT registry, 'registry.x' AS text;
END$$
CREATE TRIGGER `registry` BEFORE UPDATE ON `registry` FOR EACH ROW
BEGIN
  SET NEW.name = CONCAT(NEW.name, ' registry.x');
  INSERT INTO scan_time (namespace) VALUES (CONCAT('registry.', NEW.registry));
  UPDATE repository SET pull_count = pull_count + 1 WHERE name = 'library/registry';
END$$
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY DISABLE COMMENT 'registry.tidy'
  DO DELETE FROM operation WHERE username = 'registry.x'$$
DELIMITER ;
