// Errors that the API answers with a status of their own; all others are a 500.
export class Unauthorized extends Error {
  readonly status = 401;

  constructor(message: string) {
    super(message);
    this.name = 'Unauthorized';
  }
}
