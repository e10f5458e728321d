-- The tracking database: MLflow's schema at its revision 7f2a7d5fae7d (MLflow 2.4 to 2.7), which every
-- later release opens and upgrades by itself, and one table of our own (tracker_meta).
--
-- Units and conventions
--   *_time, timestamp   milliseconds since 1970-01-01 00:00:00 UTC
--   step                the caller's counter (epoch, iteration); 0 where none was given
--   run_uuid            32 lower-case hexadecimal digits; Python calls it run_id
--   artifact_uri,       relative to the folder of this file, so that the folder can be moved;
--   artifact_location   absolute or a URL only where the user asked for it
--
-- Rules that keep the file an MLflow file
--   - constraint names are MLflow's: its migrations drop them by name;
--   - no view, no trigger, no WITHOUT ROWID, no STRICT: its migrations rebuild tables by renaming;
--   - name the columns in every INSERT: later MLflow releases add some.

CREATE TABLE experiments (
    experiment_id     INTEGER      NOT NULL,  -- 0 is 'Default'
    name              VARCHAR(256) NOT NULL,  -- stays taken after a delete
    artifact_location VARCHAR(256),           -- '<artifact root>/<experiment_id>'
    lifecycle_stage   VARCHAR(32),            -- 'active' or 'deleted'
    creation_time     BIGINT,                 -- ms
    last_update_time  BIGINT,                 -- ms
    CONSTRAINT experiment_pk PRIMARY KEY (experiment_id),
    CONSTRAINT experiments_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')),
    UNIQUE (name)
);

CREATE TABLE experiment_tags (
    key           VARCHAR(250) NOT NULL,
    value         VARCHAR(5000),
    experiment_id INTEGER      NOT NULL,
    CONSTRAINT experiment_tag_pk PRIMARY KEY (key, experiment_id),
    FOREIGN KEY (experiment_id) REFERENCES experiments (experiment_id)
);

-- user_id, start_time, status, lifecycle_stage and artifact_uri may not be NULL in practice:
-- one such row makes MLflow's search fail for the whole experiment.
CREATE TABLE runs (
    run_uuid         VARCHAR(32) NOT NULL,
    name             VARCHAR(250),            -- also in the tag 'mlflow.runName'
    source_type      VARCHAR(20),             -- 'UNKNOWN' as MLflow writes it; the real one is in the tags
    source_name      VARCHAR(500),
    entry_point_name VARCHAR(50),
    user_id          VARCHAR(256),            -- login name
    status           VARCHAR(9),
    start_time       BIGINT,                  -- ms
    end_time         BIGINT,                  -- ms; NULL while the run is open
    source_version   VARCHAR(50),
    lifecycle_stage  VARCHAR(20),             -- 'active' or 'deleted'
    artifact_uri     VARCHAR(200),            -- '<artifact root>/<experiment_id>/<run_uuid>/artifacts'
    experiment_id    INTEGER,
    deleted_time     BIGINT,                  -- ms; NULL while the run is active
    CONSTRAINT run_pk PRIMARY KEY (run_uuid),
    CONSTRAINT runs_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')),
    CONSTRAINT source_type
        CHECK (source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')),
    CHECK (status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED')),
    FOREIGN KEY (experiment_id) REFERENCES experiments (experiment_id)
);

-- The whole history of every metric. NaN is value 0 with is_nan 1; plus and minus infinity are
-- +-1.7976931348623157e308. An exact duplicate of a point is ignored.
CREATE TABLE metrics (
    key       VARCHAR(250)          NOT NULL,
    value     FLOAT                 NOT NULL,
    timestamp BIGINT                NOT NULL, -- ms
    run_uuid  VARCHAR(32)           NOT NULL,
    step      BIGINT  DEFAULT '0'   NOT NULL,
    is_nan    BOOLEAN DEFAULT '0'   NOT NULL,
    CONSTRAINT metric_pk PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan),
    FOREIGN KEY (run_uuid) REFERENCES runs (run_uuid),
    CHECK (is_nan IN (0, 1))
);

CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);

-- The point of each metric with the greatest (step, timestamp, value), NaN counting as value 0.
-- Kept in the transaction that writes the metric; without it MLflow shows no metric at all.
CREATE TABLE latest_metrics (
    key       VARCHAR(250) NOT NULL,
    value     FLOAT        NOT NULL,
    timestamp BIGINT,                         -- ms
    step      BIGINT       NOT NULL,
    is_nan    BOOLEAN      NOT NULL,
    run_uuid  VARCHAR(32)  NOT NULL,
    CONSTRAINT latest_metric_pk PRIMARY KEY (key, run_uuid),
    FOREIGN KEY (run_uuid) REFERENCES runs (run_uuid),
    CHECK (is_nan IN (0, 1))
);

CREATE INDEX index_latest_metrics_run_uuid ON latest_metrics (run_uuid);

-- A parameter is written once.
CREATE TABLE params (
    key      VARCHAR(250)  NOT NULL,
    value    VARCHAR(8000) NOT NULL,
    run_uuid VARCHAR(32)   NOT NULL,
    CONSTRAINT param_pk PRIMARY KEY (key, run_uuid),
    FOREIGN KEY (run_uuid) REFERENCES runs (run_uuid)
);

CREATE INDEX index_params_run_uuid ON params (run_uuid);

-- A tag is overwritten.
CREATE TABLE tags (
    key      VARCHAR(250)  NOT NULL,
    value    VARCHAR(8000),
    run_uuid VARCHAR(32)   NOT NULL,
    CONSTRAINT tag_pk PRIMARY KEY (key, run_uuid),
    FOREIGN KEY (run_uuid) REFERENCES runs (run_uuid)
);

CREATE INDEX index_tags_run_uuid ON tags (run_uuid);

CREATE TABLE datasets (
    dataset_uuid        VARCHAR(36)  NOT NULL, -- 32 hexadecimal digits
    experiment_id       INTEGER      NOT NULL,
    name                VARCHAR(500) NOT NULL,
    digest              VARCHAR(36)  NOT NULL,
    dataset_source_type VARCHAR(36)  NOT NULL, -- 'local', 'http', 'code', ...
    dataset_source      TEXT         NOT NULL, -- JSON with a 'uri'
    dataset_schema      TEXT,                  -- JSON
    dataset_profile     TEXT,                  -- JSON with 'num_rows'
    CONSTRAINT dataset_pk PRIMARY KEY (experiment_id, name, digest),
    FOREIGN KEY (experiment_id) REFERENCES experiments (experiment_id)
);

CREATE INDEX index_datasets_dataset_uuid ON datasets (dataset_uuid);
CREATE INDEX index_datasets_experiment_id_dataset_source_type
    ON datasets (experiment_id, dataset_source_type);

-- One row for each data set a run used: 'DATASET', dataset_uuid, 'RUN', run_uuid.
CREATE TABLE inputs (
    input_uuid       VARCHAR(36) NOT NULL,
    source_type      VARCHAR(36) NOT NULL,
    source_id        VARCHAR(36) NOT NULL,
    destination_type VARCHAR(36) NOT NULL,
    destination_id   VARCHAR(36) NOT NULL,
    CONSTRAINT inputs_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id)
);

CREATE INDEX index_inputs_input_uuid ON inputs (input_uuid);
CREATE INDEX index_inputs_destination_type_destination_id_source_type
    ON inputs (destination_type, destination_id, source_type);

-- 'mlflow.data.context' says what the data set was used for: train, validation, test.
CREATE TABLE input_tags (
    input_uuid VARCHAR(36)  NOT NULL,
    name       VARCHAR(255) NOT NULL,
    value      VARCHAR(500) NOT NULL,
    CONSTRAINT input_tags_pk PRIMARY KEY (input_uuid, name)
);

-- The model registry: names for the models that runs have logged.
CREATE TABLE registered_models (
    name              VARCHAR(256) NOT NULL,
    creation_time     BIGINT,
    last_updated_time BIGINT,
    description       VARCHAR(5000),
    CONSTRAINT registered_model_pk PRIMARY KEY (name),
    UNIQUE (name)
);

CREATE TABLE registered_model_tags (
    key   VARCHAR(250) NOT NULL,
    value VARCHAR(5000),
    name  VARCHAR(256) NOT NULL,
    CONSTRAINT registered_model_tag_pk PRIMARY KEY (key, name),
    FOREIGN KEY (name) REFERENCES registered_models (name) ON UPDATE CASCADE
);

CREATE TABLE registered_model_aliases (
    alias   VARCHAR(256) NOT NULL,            -- 'champion': models:/<name>@champion
    version INTEGER      NOT NULL,
    name    VARCHAR(256) NOT NULL,
    CONSTRAINT registered_model_alias_pk PRIMARY KEY (name, alias),
    CONSTRAINT registered_model_alias_name_fkey
        FOREIGN KEY (name) REFERENCES registered_models (name) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE model_versions (
    name              VARCHAR(256) NOT NULL,
    version           INTEGER      NOT NULL,
    creation_time     BIGINT,
    last_updated_time BIGINT,
    description       VARCHAR(5000),
    user_id           VARCHAR(256),
    current_stage     VARCHAR(20),            -- 'None', 'Staging', ...; 'Deleted_Internal': deleted
    source            VARCHAR(500),           -- where its files lie: '<artifact_uri>/<folder>'
    run_id            VARCHAR(32),            -- runs.run_uuid
    status            VARCHAR(20),            -- 'READY'
    status_message    VARCHAR(500),
    run_link          VARCHAR(500),
    CONSTRAINT model_version_pk PRIMARY KEY (name, version),
    FOREIGN KEY (name) REFERENCES registered_models (name) ON UPDATE CASCADE
);

CREATE TABLE model_version_tags (
    key     VARCHAR(250) NOT NULL,
    value   VARCHAR(5000),
    name    VARCHAR(256) NOT NULL,
    version INTEGER      NOT NULL,
    CONSTRAINT model_version_tag_pk PRIMARY KEY (key, name, version),
    FOREIGN KEY (name, version) REFERENCES model_versions (name, version) ON UPDATE CASCADE
);

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO alembic_version (version_num) VALUES ('7f2a7d5fae7d');

-- Ours. 'schema_version' counts the changes to what stands below this line.
CREATE TABLE tracker_meta (
    key   TEXT PRIMARY KEY,
    value TEXT
);

INSERT INTO tracker_meta (key, value) VALUES ('schema_version', '1');

-- One history, one seek: without it SQLite reads a key's points of every run, and 100 runs that
-- share a key make one history ten times slower.
CREATE INDEX tracker_metrics_run_key_step ON metrics (run_uuid, key, step);

-- The newest runs of some experiments in order: without it SQLite sorts all runs of the file. The
-- second column descends, or several experiments could not be merged in order.
CREATE INDEX tracker_runs_newest ON runs (experiment_id, start_time DESC, run_uuid);
