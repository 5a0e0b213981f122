//! Instances: the database servers that are protected, and how a worker reaches each.
//!
//! Deregistering keeps the row, without password, because its sets may live on and are listed with
//! its description. The same id may be registered again; it then is another host instance.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use repository::InstanceId;
use sea_orm::sea_query::{Expr, Func, LikeExpr};
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use crate::backup_set::detach;
use crate::catalog::Catalog;
use crate::change::Change;
use crate::column::{micros, number, parsed, stored_words, timestamp, timestamp_opt};
use crate::counter;
use crate::entity::instance::{Column, Entity, Model};
use crate::error::{Doing, Error};
use crate::job::ACTIVE_JOBS;
use crate::page::{Page, Paged};
use crate::statement::{execute, query_one};
use crate::tag::{self, SoughtTag};

stored_words! {
    /// A kind of database.
    EngineKind, "an engine (postgresql, mariadb or mysql)" {
        /// PostgreSQL.
        Postgresql = "postgresql",
        /// MariaDB.
        Mariadb = "mariadb",
        /// MySQL.
        Mysql = "mysql",
    }
}

stored_words! {
    /// How a connection to the server is protected, as libpq names it.
    SslMode, "an SSL mode (disable, allow, prefer, require, verify-ca or verify-full)" {
        /// Never encrypted.
        Disable = "disable",
        /// Encrypted if the server insists.
        Allow = "allow",
        /// Encrypted if the server can.
        Prefer = "prefer",
        /// Encrypted, by whomever.
        Require = "require",
        /// Encrypted, by a server with a certificate of the given authority.
        VerifyCa = "verify-ca",
        /// Encrypted, by the very host that was asked for.
        VerifyFull = "verify-full",
    }
}

/// What is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInstance {
    /// Its name, chosen by the user.
    pub id: InstanceId,
    /// What it runs.
    pub engine: EngineKind,
    /// The server's version, where the registration asked it.
    pub engine_version: Option<String>,
    /// Host name, address, or directory of the socket.
    pub host: String,
    /// TCP port, which also names the socket.
    pub port: u16,
    /// Role to connect as.
    pub user: String,
    /// Password, sealed by the caller. `None`: the server asks for none.
    pub sealed_password: Option<Vec<u8>>,
    /// How connections are protected.
    pub ssl_mode: SslMode,
    /// Certificates, in PEM, of the authorities that the server's certificate may come from.
    pub ca_certificate: Option<String>,
    /// Where the worker finds the data. `None`: it asks the server.
    pub data_directory: Option<String>,
    /// For people.
    pub description: Option<String>,
}

/// A registered instance, or one that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its name.
    pub id: InstanceId,
    /// What it runs.
    pub engine: EngineKind,
    /// The server's version, once known.
    pub engine_version: Option<String>,
    /// Host name, address, or directory of the socket.
    pub host: String,
    /// TCP port, which also names the socket.
    pub port: u16,
    /// Role to connect as.
    pub user: String,
    /// Password as the caller sealed it; forgotten when the instance is deregistered.
    pub sealed_password: Option<Vec<u8>>,
    /// How connections are protected.
    pub ssl_mode: SslMode,
    /// Certificates, in PEM, of the authorities that the server's certificate may come from.
    pub ca_certificate: Option<String>,
    /// Where the worker finds the data. `None`: it asks the server.
    pub data_directory: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Number of this registration; clients compare it for equality.
    pub host_instance: u32,
    /// When it was registered.
    pub created: Timestamp,
    /// When it was deregistered. `None`: it is protected.
    pub deregistered: Option<Timestamp>,
}

/// Which registered instances to list; what is `None` does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceFilter {
    /// Only these.
    pub ids: Option<Vec<InstanceId>>,
    /// Only of this engine.
    pub engine: Option<EngineKind>,
    /// Only where id or description contains this text, in whatever case.
    pub text: Option<String>,
    /// Only on this host, in whatever case.
    pub host: Option<String>,
    /// Only with all of these tags.
    pub tags: Vec<SoughtTag>,
    /// Only ids that sort after this one: the last of the page before.
    pub after: Option<InstanceId>,
}

/// An instance was not registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The id is taken.
    #[error("instance {id} is registered already")]
    Exists {
        /// The id.
        id: InstanceId,
    },
    /// See [`Error`].
    #[error(transparent)]
    Catalog(#[from] Error),
}

/// An instance was not deregistered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeregisterError {
    /// No such instance is registered.
    #[error("instance {id} is not registered")]
    NotFound {
        /// The id.
        id: InstanceId,
    },
    /// A job of it is queued or running; cancel it first.
    #[error("instance {id} has a job that is queued or running")]
    JobActive {
        /// The instance.
        id: InstanceId,
    },
    /// See [`Error`].
    #[error(transparent)]
    Catalog(#[from] Error),
}

impl Change {
    /// Registers an instance and answers it, with its host instance number.
    ///
    /// # Errors
    /// Id taken → [`RegisterError::Exists`].
    pub async fn register_instance(&mut self, instance: NewInstance) -> Result<Instance, RegisterError> {
        let host_instance = counter::next(&self.transaction, counter::HOST_INSTANCE).await?;
        let NewInstance {
            id,
            engine,
            engine_version,
            host,
            port,
            user,
            sealed_password,
            ssl_mode,
            ca_certificate,
            data_directory,
            description,
        } = instance;
        let sql = "INSERT INTO instance (id, engine, engine_version, host, port, user_name, sealed_password, \
             ssl_mode, ca_certificate, data_directory, description, host_instance, created_micros) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
             ON CONFLICT (id) DO UPDATE SET engine = excluded.engine, engine_version = excluded.engine_version, \
             host = excluded.host, port = excluded.port, user_name = excluded.user_name, \
             sealed_password = excluded.sealed_password, ssl_mode = excluded.ssl_mode, \
             ca_certificate = excluded.ca_certificate, data_directory = excluded.data_directory, \
             description = excluded.description, host_instance = excluded.host_instance, \
             created_micros = excluded.created_micros, deregistered_micros = NULL \
             WHERE instance.deregistered_micros IS NOT NULL RETURNING *";
        let values = [
            id.as_str().into(),
            engine.as_str().into(),
            engine_version.into(),
            host.into(),
            i64::from(port).into(),
            user.into(),
            sealed_password.into(),
            ssl_mode.as_str().into(),
            ca_certificate.into(),
            data_directory.into(),
            description.into(),
            host_instance.into(),
            micros(self.now).into(),
        ];
        let row = query_one(&self.transaction, "register an instance", sql, values).await?;
        let Some(row) = row else { return Err(RegisterError::Exists { id }) };
        detach(self, &id, false).await?;
        let model = Model::from_query_result(&row, "").doing("read an instance")?;
        Ok(Instance::from_row(model)?)
    }

    /// Notes which version the server answered. An instance that is not registered is left alone.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn record_engine_version(&mut self, id: &InstanceId, version: &str) -> Result<(), Error> {
        let sql = "UPDATE instance SET engine_version = $2 WHERE id = $1 AND deregistered_micros IS NULL";
        execute(&self.transaction, "record a server's version", sql, [id.as_str().into(), version.into()])
            .await?;
        Ok(())
    }

    /// Ends the protection of an instance and forgets its password and tags. Its sets stay, as detached ones.
    ///
    /// # Errors
    /// Not registered → [`DeregisterError::NotFound`]; a job of it is queued or running →
    /// [`DeregisterError::JobActive`].
    pub async fn deregister_instance(&mut self, id: &InstanceId) -> Result<(), DeregisterError> {
        // The update comes first: it locks the row against a job that is created at this moment.
        let sql = "UPDATE instance SET deregistered_micros = $2, sealed_password = NULL \
                   WHERE id = $1 AND deregistered_micros IS NULL";
        let values = [id.as_str().into(), micros(self.now).into()];
        if execute(&self.transaction, "deregister an instance", sql, values).await? == 0 {
            return Err(DeregisterError::NotFound { id: id.clone() });
        }
        let values = [id.as_str().into()];
        let job = query_one(&self.transaction, "look for a job of the instance", ACTIVE_JOBS, values).await?;
        if job.is_some() {
            return Err(DeregisterError::JobActive { id: id.clone() });
        }
        detach(self, id, true).await?;
        Ok(tag::forget(self, id).await?)
    }
}

impl Catalog {
    /// The instance, if it is registered.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find_instance(&self, id: &InstanceId) -> Result<Option<Instance>, Error> {
        Ok(self.find_instance_ever(id).await?.filter(|instance| instance.deregistered.is_none()))
    }

    /// The instance, if it is or was registered.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find_instance_ever(&self, id: &InstanceId) -> Result<Option<Instance>, Error> {
        let found = Entity::find_by_id(id.as_str()).one(self.readers()).await.doing("read an instance")?;
        found.map(Instance::from_row).transpose()
    }

    /// Those of these instances that are or were registered.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find_instances_ever<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a InstanceId>,
    ) -> Result<HashMap<InstanceId, Instance>, Error> {
        let ids: BTreeSet<&str> = ids.into_iter().map(InstanceId::as_str).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let found = Entity::find().filter(Column::Id.is_in(ids)).all(self.readers()).await;
        let rows = found.doing("read instances")?.into_iter().map(Instance::from_row);
        rows.map(|instance| instance.map(|instance| (instance.id.clone(), instance))).collect()
    }

    /// A page of the registered instances, by id.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_instances(
        &self,
        filter: &InstanceFilter,
        page: Page,
    ) -> Result<Paged<Instance>, Error> {
        let query = filter.apply(Entity::find());
        let total = query.clone().count(self.readers()).await.doing("count instances")?;
        let ordered = query.order_by_asc(Column::Id).offset(page.offset()).limit(page.limit());
        let rows = ordered.all(self.readers()).await.doing("list instances")?;
        let rows = rows.into_iter().map(Instance::from_row).collect::<Result<_, _>>()?;
        Ok(Paged { rows, total })
    }
}

impl InstanceFilter {
    fn apply(&self, query: Select<Entity>) -> Select<Entity> {
        let Self { ids, engine, text, host, tags, after } = self;
        let mut query = query.filter(Column::DeregisteredMicros.is_null());
        if let Some(ids) = ids {
            query = query.filter(Column::Id.is_in(ids.iter().map(InstanceId::as_str)));
        }
        if let Some(engine) = engine {
            query = query.filter(Column::Engine.eq(engine.as_str()));
        }
        if let Some(text) = text {
            let escaped = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            let like = |column: Column| {
                let pattern = LikeExpr::new(format!("%{escaped}%")).escape('\\');
                Expr::expr(Func::lower(Expr::col(column))).like(pattern)
            };
            query = query.filter(like(Column::Id).or(like(Column::Description)));
        }
        if let Some(host) = host {
            query = query.filter(Expr::expr(Func::lower(Expr::col(Column::Host))).eq(host.to_lowercase()));
        }
        if let Some(after) = after {
            query = query.filter(Column::Id.gt(after.as_str()));
        }
        tag::restrict(query, tags)
    }
}

impl Instance {
    fn from_row(row: Model) -> Result<Self, Error> {
        Ok(Self {
            id: parsed("instance.id", &row.id)?,
            engine: parsed("instance.engine", &row.engine)?,
            engine_version: row.engine_version,
            host: row.host,
            port: number("instance.port", row.port)?,
            user: row.user_name,
            sealed_password: row.sealed_password,
            ssl_mode: parsed("instance.ssl_mode", &row.ssl_mode)?,
            ca_certificate: row.ca_certificate,
            data_directory: row.data_directory,
            description: row.description,
            host_instance: number("instance.host_instance", row.host_instance)?,
            created: timestamp("instance.created_micros", row.created_micros)?,
            deregistered: timestamp_opt("instance.deregistered_micros", row.deregistered_micros)?,
        })
    }
}
