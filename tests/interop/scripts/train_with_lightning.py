"""Trains a small network with Lightning's MLFlowLogger, which imports mlflow by itself."""

import tracker.as_mlflow

tracker.as_mlflow.install()

import torch  # noqa: E402
from pytorch_lightning import LightningModule, Trainer, seed_everything  # noqa: E402
from pytorch_lightning.callbacks import ModelCheckpoint  # noqa: E402
from pytorch_lightning.loggers import MLFlowLogger  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402


class Line(LightningModule):
    """One weight, fitted to y = 3 x."""

    def __init__(self, lr):  # noqa: ARG002  save_hyperparameters reads it from here.
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, _):
        x, y = batch
        loss = torch.nn.functional.mse_loss(self.layer(x), y)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)


def main():
    seed_everything(0)
    x = torch.linspace(-1, 1, 64)[:, None]
    logger = MLFlowLogger(
        experiment_name="lightning",
        run_name="line",
        tracking_uri="sqlite:///tracking.db",
        tags={"team": "vision"},
        log_model=True,
        synchronous=True,
    )
    trainer = Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=logger,
        callbacks=[ModelCheckpoint(dirpath="checkpoints", filename="line-{epoch}")],
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Line(lr=0.1), DataLoader(TensorDataset(x, 3 * x), batch_size=16))


if __name__ == "__main__":
    main()
